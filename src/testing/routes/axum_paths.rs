//! The paths of an axum router, read from its `Debug` output.
//!
//! axum 0.8 writes
//! `Router { path_router: PathRouter { routes: {…}, node: Node { paths: {RouteId(0): "/profiles"} } }, fallback_router: …`.
//! A test pins it, with the version of axum in `Cargo.lock`.

pub(super) fn paths(debug: &str) -> Vec<String> {
    // What follows are fallbacks, which have no path.
    let routes = debug
        .split_once("fallback_router:")
        .map_or(debug, |(routes, _)| routes);
    let entries = routes.split("RouteId(").skip(1);
    entries.filter_map(path_of_entry).collect()
}

/// `0): "/profiles", …`. The same ids lead to handlers, which do not begin with a quote.
fn path_of_entry(entry: &str) -> Option<String> {
    let (_, after_id) = entry.split_once("): ")?;
    let (path, _) = after_id.strip_prefix('"')?.split_once('"')?;
    path.starts_with('/').then(|| path.to_owned())
}
