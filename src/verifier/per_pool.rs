//! One of something for each pool that a verifier trusts, which is one at least.

#[derive(Clone)]
pub(super) struct PerPool<T> {
    pub(super) first: T,
    pub(super) others: Vec<T>,
}

impl<T> PerPool<T> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The same for what is made of each, in their order.
    ///
    /// # Errors
    ///
    /// The first that `make` returns.
    pub(super) fn try_map<U, E>(
        &self,
        mut make: impl FnMut(&T) -> Result<U, E>,
    ) -> Result<PerPool<U>, E> {
        Ok(PerPool {
            first: make(&self.first)?,
            others: self.others.iter().map(make).collect::<Result<_, _>>()?,
        })
    }

    /// In the order of [`iter`](Self::iter).
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(index) => self.others.get(index),
        }
    }
}
