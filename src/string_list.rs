//! What the compiler says to a single string where a list is expected.

/// A list of strings, such as scopes or app client ids: an array, a slice, a `Vec`, or any iterator
/// of what is `AsRef<str>`.
///
/// A single string is not a list: write `["profiles/get"]`. You never need to name or implement
/// this trait.
///
/// # Examples
///
/// ```
/// use tower_cognito::{ScopePolicy, StringList};
///
/// fn any_or_admin(scopes: impl StringList) -> Result<ScopePolicy, tower_cognito::ConfigError> {
///     Ok(ScopePolicy::any_of(scopes)?.or(ScopePolicy::all_of(["profiles/admin"])?))
/// }
///
/// any_or_admin(["profiles/get", "profiles/post"])?;
/// any_or_admin(vec![String::from("profiles/get")])?;
/// any_or_admin("profiles/get profiles/post".split(' '))?;
/// # Ok::<(), tower_cognito::ConfigError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of strings",
    label = "write a list, even of one string: `[\"…\"]`",
    note = "arrays, slices, `Vec`s and iterators of `&str` or `String` are lists"
)]
pub trait StringList: IntoIterator<Item: AsRef<str>> {}

// So that the compiler names the list and not `Iterator`.
#[diagnostic::do_not_recommend]
impl<L> StringList for L
where
    L: IntoIterator,
    L::Item: AsRef<str>,
{
}
