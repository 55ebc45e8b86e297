//! The snippets of `docs/guide/testing.md` are the code of `examples/testing_your_service.rs`,
//! which is compiled and run.

const PAGE: &str = include_str!("../../docs/guide/testing.md");
const EXAMPLE: &str = include_str!("../../examples/testing_your_service.rs");

/// The fenced blocks in this language, each as its lines without indentation.
fn snippets(page: &'static str, language: &str) -> Vec<Vec<&'static str>> {
    let fence = format!("```{language}");
    let mut lines = page.lines();
    let mut snippets = Vec::new();
    while lines.by_ref().any(|line| line == fence) {
        snippets.push(
            lines
                .by_ref()
                .take_while(|line| *line != "```")
                .map(str::trim_start)
                .collect(),
        );
    }
    snippets
}

fn is_in_example(snippet: &[&str]) -> bool {
    let example = EXAMPLE.lines().map(str::trim_start).collect::<Vec<_>>();
    example
        .windows(snippet.len())
        .any(|window| window == snippet)
}

#[test]
fn every_snippet_of_the_page_is_in_the_example() {
    let snippets = snippets(PAGE, "rust,ignore");
    for snippet in &snippets {
        assert!(
            is_in_example(snippet),
            "not in the example:\n{}",
            snippet.join("\n")
        );
    }
    let is_test = |line: &&&str| **line == "#[tokio::test]";
    let on_page = snippets.iter().flatten().filter(is_test).count();
    assert_eq!(on_page, EXAMPLE.matches("#[tokio::test]").count());
    assert!(on_page > 0);
}

#[test]
fn a_snippet_that_differs_is_noticed() {
    assert!(is_in_example(&[
        "async fn list(claims: Claims) -> Json<Vec<Profile>> {"
    ]));
    assert!(!is_in_example(&[
        "async fn list(claims: Claims) -> Json<Vec<Profiles>> {"
    ]));
}
