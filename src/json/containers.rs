//! The lists and objects that a value is in.

use super::steps::{Steps, Stop};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    List,
    Object,
}

/// The containers that a value is in, a bit for each.
#[derive(Default)]
pub(super) struct OpenContainers {
    depth: u32,
    /// Of the innermost ones: up to 128, the last bit for the innermost.
    are_lists: u128,
    /// Of those around them, 128 each.
    around: Vec<u128>,
}

impl OpenContainers {
    pub(super) fn push(&mut self, container: Container, steps: Steps) -> Result<(), Stop> {
        if self.depth > 0 && self.depth.is_multiple_of(u128::BITS) {
            if steps != Steps::Any {
                return Err(Stop::OutOfSteps);
            }
            self.around.push(self.are_lists);
        }
        self.depth += 1;
        self.are_lists = self.are_lists << 1 | u128::from(container == Container::List);
        Ok(())
    }

    pub(super) fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.are_lists >>= 1;
        if self.depth.is_multiple_of(u128::BITS)
            && let Some(around) = self.around.pop()
        {
            self.are_lists = around;
        }
    }

    pub(super) const fn innermost(&self) -> Option<Container> {
        match (self.depth, self.are_lists & 1) {
            (0, _) => None,
            (_, 1) => Some(Container::List),
            _ => Some(Container::Object),
        }
    }
}
