//! Client secrets in AWS Secrets Manager.

use aws_sdk_secretsmanager::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::get_secret_value::GetSecretValueError,
};
use tower_cognito::client::{ClientSecrets, FetchSecrets, SecretUnavailable};

/// A secret whose value is the client secret. While it is being rotated, its version `AWSPENDING`
/// holds the next one.
///
/// The process needs `secretsmanager:GetSecretValue` on it.
pub(crate) struct SecretsManager {
    client: Client,
    secret_id: String,
}

impl SecretsManager {
    pub(crate) fn new(client: Client, secret_id: impl Into<String>) -> Self {
        Self {
            client,
            secret_id: secret_id.into(),
        }
    }

    async fn version(&self, stage: &str) -> Result<Option<String>, SecretUnavailable> {
        let request = self.client.get_secret_value();
        let outcome = request
            .secret_id(&self.secret_id)
            .version_stage(stage)
            .send()
            .await;
        match outcome {
            Ok(secret) => Ok(secret.secret_string),
            Err(error) if is_missing(&error) => Ok(None),
            // The code only: a message may quote the request.
            Err(error) => Err(SecretUnavailable::new(format_args!(
                "Secrets Manager: {}",
                error.code().unwrap_or("no response")
            ))),
        }
    }
}

fn is_missing(error: &SdkError<GetSecretValueError>) -> bool {
    error
        .as_service_error()
        .is_some_and(GetSecretValueError::is_resource_not_found_exception)
}

impl FetchSecrets for SecretsManager {
    async fn fetch_secrets(&self) -> Result<ClientSecrets, SecretUnavailable> {
        let current = self.version("AWSCURRENT").await?;
        let current =
            current.ok_or(SecretUnavailable::new("Secrets Manager has no such secret"))?;
        let secrets = ClientSecrets::new(current);
        Ok(match self.version("AWSPENDING").await? {
            Some(pending) => secrets.with_next(pending),
            None => secrets,
        })
    }
}
