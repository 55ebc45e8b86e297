//! The seeds of the fuzz targets: every fixture, for every target that can read it.

use std::{collections::BTreeMap, fs};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::table::{all, fixtures, jwks};

pub(crate) fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut seeds = BTreeMap::<_, Vec<Vec<u8>>>::new();
    for case in all() {
        let fields = case
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization");
        let fields = fields.map(|(_, value)| value.bytes()).collect::<Vec<_>>();
        // The size cap needs no fuzzing, and libFuzzer would carry the long ones along.
        if fields.iter().any(|field| field.len() > 20_000) {
            continue;
        }
        if let [field] = fields.as_slice() {
            let token = field
                .iter()
                .position(|byte| *byte == b' ')
                .map_or(&[][..], |at| &field[at + 1..]);
            seeds.entry("compact_jws").or_default().push(token.to_vec());
            let payload = token.split(|byte| *byte == b'.').nth(1);
            if let Some(payload) = payload.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()) {
                seeds.entry("claims").or_default().push(payload);
            }
        }
        seeds
            .entry("authorization")
            .or_default()
            .push(fields.join(&b'\n'));
    }
    for entry in fs::read_dir(fixtures().join("jwks")).unwrap() {
        let name = entry
            .unwrap()
            .path()
            .file_stem()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let document = jwks(&name).unwrap();
        seeds
            .entry("jwk_set")
            .or_default()
            .push(document.into_bytes());
    }
    for field in [
        "max-age=600",
        "public, Max-Age=600, must-revalidate",
        "max-age=\"600\"",
        "max-age=600, max-age=60",
        "no-store",
        "no-cache",
        "max-age=99999999999999999999",
        "s-maxage=600",
        "max-age=-1",
        "max-age=",
        "max-age",
        "",
        "120",
        "Fri, 31 Dec 1999 23:59:59 GMT",
        ",,=,",
    ] {
        seeds.entry("cache_control").or_default().push(field.into());
    }
    // No edit, and one of each kind in each part, written and decoded.
    let edits = (0..=255_u8).map(|what| vec![what, 0, 7, b'A']);
    seeds
        .entry("mutated_token")
        .or_default()
        .extend(edits.chain([vec![]]));
    seeds
}
