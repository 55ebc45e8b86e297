//! Common mistakes do not compile, and the compiler's message names the mistake.

/// `just compile-fail` runs it; `TRYBUILD=overwrite just compile-fail` writes the messages again.
/// Each says which compiler's they are.
#[test]
fn common_mistakes_are_named() {
    trybuild::TestCases::new().compile_fail("cases/*.rs");
}
