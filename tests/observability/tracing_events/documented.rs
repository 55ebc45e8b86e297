//! The page for operators names every event, with its target, level and fields.

use std::{collections::BTreeSet, fs, path::Path};

/// `target level message fields`, of every event that the sources hold.
#[test]
fn the_documentation_lists_every_event() {
    let page = include_str!("../../../docs/guide/observability.md");
    let documented: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with("| `tower_cognito::"))
        .map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let fields: BTreeSet<_> = cells[4].split('`').skip(1).step_by(2).collect();
            let fields: Vec<_> = fields.into_iter().collect();
            let target = cells[1].trim_matches('`');
            format!("{target} {} {:?} {}", cells[2], cells[3], fields.join(","))
        })
        .collect();
    let mut written = BTreeSet::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    find_events(&src, &src, &mut written);
    assert!(written.len() > 10, "{written:#?}");
    assert_eq!(documented, written);
}

fn find_events(root: &Path, directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_events(root, &path, found);
            continue;
        }
        let module = path.strip_prefix(root).unwrap().with_extension("");
        let mut target = vec!["tower_cognito"];
        target.extend(module.iter().map(|part| part.to_str().unwrap()));
        target.retain(|part| *part != "mod");
        let source = fs::read_to_string(&path).unwrap();
        for event in source.split("tracing::").skip(1) {
            let Some((level, rest)) = event.split_once("!(") else {
                continue;
            };
            if !["error", "warn", "info", "debug", "trace"].contains(&level) {
                continue;
            }
            let arguments = arguments(rest);
            let (message, fields) = arguments.split_last().unwrap();
            let fields: BTreeSet<_> = fields
                .iter()
                .map(|field| {
                    let name = field.split('=').next().unwrap();
                    name.trim_matches(['?', '%', ' '])
                })
                .collect();
            let fields: Vec<_> = fields.into_iter().collect();
            found.insert(format!(
                "{} {level} {message} {}",
                target.join("::"),
                fields.join(",")
            ));
        }
    }
}

/// The text between the commas, up to the parenthesis that ends the call.
fn arguments(call: &str) -> Vec<String> {
    let (mut arguments, mut depth, mut quoted) = (vec![String::new()], 0, false);
    for character in call.chars() {
        match character {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' if depth == 0 => break,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(String::new());
                continue;
            }
            _ => {}
        }
        arguments.last_mut().unwrap().push(character);
    }
    let trimmed = arguments
        .iter()
        .map(|argument| argument.split_whitespace().collect::<Vec<_>>().join(" "));
    trimmed.filter(|argument| !argument.is_empty()).collect()
}
