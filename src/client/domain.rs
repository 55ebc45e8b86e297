//! The token URL of a Cognito domain, where its form is known.

use crate::{aws_region::Partition, config_error::ConfigError};

/// `https://{prefix}.auth.{region}.amazoncognito.com/oauth2/token`, and `auth-fips` in GovCloud,
/// where every prefix domain has that form.
pub(super) fn prefix_token_url(prefix: &str, region: &str) -> Result<String, ConfigError> {
    let label = match Partition::of(region)? {
        Partition::Commercial => "auth",
        Partition::GovCloud => "auth-fips",
    };
    token_url(prefix, label, region)
}

pub(super) fn fips_token_url(prefix: &str, region: &str) -> Result<String, ConfigError> {
    Partition::of(region)?;
    token_url(prefix, "auth-fips", region)
}

/// `https://{host}/oauth2/token`.
pub(super) fn custom_token_url(host: &str) -> Result<String, ConfigError> {
    let is_label = |label: &str| is_label(label, |byte| byte.is_ascii_alphanumeric());
    let well_formed = host.len() <= 253 && host.contains('.') && host.split('.').all(is_label);
    if well_formed {
        Ok(format!("https://{host}/oauth2/token"))
    } else {
        Err(ConfigError::InvalidCustomDomain {
            given: host.to_owned(),
        })
    }
}

/// `https://cognito-idp.{region}.amazonaws.com/`, which both known partitions have.
pub(super) fn api_url(region: &str) -> Result<String, ConfigError> {
    Partition::of(region)?;
    Ok(format!("https://cognito-idp.{region}.amazonaws.com/"))
}

fn token_url(prefix: &str, label: &str, region: &str) -> Result<String, ConfigError> {
    if !is_label(prefix, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit()
    }) {
        return Err(ConfigError::InvalidDomainPrefix {
            given: prefix.to_owned(),
        });
    }
    Ok(format!(
        "https://{prefix}.{label}.{region}.amazoncognito.com/oauth2/token"
    ))
}

/// A label of a host name: 1 to 63 of these characters, and hyphens inside.
fn is_label(text: &str, is_letter: impl Fn(u8) -> bool) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| is_letter(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_domain_has_the_form_of_its_partition() {
        for (region, url) in [
            (
                "eu-west-1",
                "https://my-app.auth.eu-west-1.amazoncognito.com/oauth2/token",
            ),
            (
                "us-east-1",
                "https://my-app.auth.us-east-1.amazoncognito.com/oauth2/token",
            ),
            (
                "us-gov-west-1",
                "https://my-app.auth-fips.us-gov-west-1.amazoncognito.com/oauth2/token",
            ),
            (
                "us-gov-east-1",
                "https://my-app.auth-fips.us-gov-east-1.amazoncognito.com/oauth2/token",
            ),
        ] {
            assert_eq!(prefix_token_url("my-app", region).as_deref(), Ok(url));
        }
        assert_eq!(
            api_url("us-gov-west-1").as_deref(),
            Ok("https://cognito-idp.us-gov-west-1.amazonaws.com/")
        );
        assert_eq!(
            fips_token_url("my-app", "us-east-1").as_deref(),
            Ok("https://my-app.auth-fips.us-east-1.amazoncognito.com/oauth2/token")
        );
    }

    #[test]
    fn a_partition_without_a_known_form_is_rejected_with_the_way_out() {
        for region in [
            "cn-north-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "us-isof-south-1",
            "eusc-de-east-1",
        ] {
            let expected = ConfigError::UnsupportedPartition {
                given: region.to_owned(),
            };
            assert_eq!(prefix_token_url("my-app", region), Err(expected.clone()));
            assert_eq!(fips_token_url("my-app", region), Err(expected.clone()));
            assert_eq!(api_url(region), Err(expected.clone()));
            let message = expected.to_string();
            assert!(message.contains("ClientCredentials::builder"), "{message}");
        }
        for region in ["", "eu-west", "eu-west-1.evil.com", "EU-west-1", "eusc-"] {
            let given = region.to_owned();
            assert_eq!(
                prefix_token_url("my-app", region),
                Err(ConfigError::InvalidRegion { given })
            );
        }
    }

    #[test]
    fn a_prefix_becomes_part_of_a_url_only_if_it_is_one() {
        for prefix in [
            "",
            "-a",
            "a-",
            "A",
            "a.b",
            "a/b",
            "a@b",
            "a b",
            "\u{e4}",
            &"a".repeat(64),
        ] {
            let given = prefix.to_owned();
            assert_eq!(
                prefix_token_url(prefix, "eu-west-1"),
                Err(ConfigError::InvalidDomainPrefix { given })
            );
        }
    }

    #[test]
    fn a_custom_domain_is_a_host_name_and_nothing_else() {
        assert_eq!(
            custom_token_url("auth.example.com").as_deref(),
            Ok("https://auth.example.com/oauth2/token")
        );
        for host in [
            "",
            "auth",
            "https://auth.example.com",
            "auth.example.com/",
            "auth.example.com:8443",
            "me@auth.example.com",
            "auth..example.com",
            "auth.example.com.",
            "-auth.example.com",
        ] {
            let given = host.to_owned();
            assert_eq!(
                custom_token_url(host),
                Err(ConfigError::InvalidCustomDomain { given })
            );
        }
    }
}
