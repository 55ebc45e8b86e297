//! The `Debug` of every public error is its sentence: a program whose `main` returns an error
//! prints `Debug`.

/// `Debug` as `Display`, for errors. With `retry_after`, a failed test shows the difference of
/// two errors that differ only in it.
macro_rules! debug_as_display {
    ($error:ty) => {
        /// As `Display`.
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
    ($error:ty, retry_after) => {
        /// As `Display`, and when to try again.
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)?;
                match self.retry_after() {
                    Some(delay) => write!(f, " (retry after {delay:?})"),
                    None => Ok(()),
                }
            }
        }
    };
}
pub(crate) use debug_as_display;
