//! AWS regions, and the partitions whose Cognito host names are documented.

use crate::config_error::ConfigError;

/// A group of AWS regions with its own host names. Only those that Cognito's documentation gives
/// hosts for: a guessed host would trust, or send a secret to, its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Partition {
    /// `aws`: `eu-west-1`.
    Commercial,
    /// `aws-us-gov`: `us-gov-west-1`.
    GovCloud,
}

impl Partition {
    /// The partition of a region.
    ///
    /// # Errors
    ///
    /// 1. [`ConfigError::InvalidRegion`] if this is not the name of a region.
    /// 2. [`ConfigError::UnsupportedPartition`] if it is one, and Cognito's hosts there are not
    ///    documented.
    pub(crate) fn of(region: &str) -> Result<Self, ConfigError> {
        let given = || region.to_owned();
        let parts = region.split('-').collect::<Vec<_>>();
        match parts.as_slice() {
            [country, words @ .., number]
                if matches!(country.len(), 2 | 4)
                    && is_word(country)
                    && !words.is_empty()
                    && words.iter().all(|word| is_word(word))
                    && is_number(number) =>
            {
                Self::of_parts(country, words)
                    .ok_or_else(|| ConfigError::UnsupportedPartition { given: given() })
            }
            _ => Err(ConfigError::InvalidRegion { given: given() }),
        }
    }

    /// `None` for China (`cn-north-1`), the isolated regions (`us-iso-east-1`, `us-isob-east-1`),
    /// the European Sovereign Cloud (`eusc-de-east-1`), and whatever AWS adds in a new form.
    fn of_parts(country: &str, words: &[&str]) -> Option<Self> {
        match (country, words) {
            ("us", ["gov", _]) => Some(Self::GovCloud),
            ("cn", _) => None,
            (_, [_]) if country.len() == 2 => Some(Self::Commercial),
            _ => None,
        }
    }
}

fn is_word(part: &str) -> bool {
    !part.is_empty() && part.len() <= 16 && part.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn is_number(part: &str) -> bool {
    (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_known_for_two_partitions_only() {
        for region in [
            "eu-west-1",
            "ap-southeast-12",
            "il-central-1",
            "mx-central-1",
        ] {
            assert_eq!(Partition::of(region), Ok(Partition::Commercial), "{region}");
        }
        for region in ["us-gov-west-1", "us-gov-east-1"] {
            assert_eq!(Partition::of(region), Ok(Partition::GovCloud), "{region}");
        }
        for region in [
            "cn-north-1",
            "cn-northwest-1",
            "us-iso-east-1",
            "us-isob-east-1",
            "us-isof-south-1",
            "eu-isoe-west-1",
            "eusc-de-east-1",
            "eusc-east-1",
            "eu-gov-west-1",
            "us-gov-secret-west-1",
        ] {
            let error = Partition::of(region).unwrap_err();
            assert_eq!(
                error,
                ConfigError::UnsupportedPartition {
                    given: region.to_owned()
                }
            );
            assert!(error.to_string().contains("UserPool::external"), "{error}");
        }
    }

    #[test]
    fn an_invalid_region_is_rejected_and_quoted() {
        for region in [
            "",
            "-",
            "eu-west",
            "eu-1",
            "e-west-1",
            "europe-west-1",
            "EU-west-1",
            "eu--1",
            "eu-west-1.evil.com",
            "eu-west-",
            "eu-west-111",
            "evil.com/eu-west-1",
            "eu west 1",
        ] {
            assert_eq!(
                Partition::of(region),
                Err(ConfigError::InvalidRegion {
                    given: region.to_owned()
                })
            );
        }
    }
}
