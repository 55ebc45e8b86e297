// Lets openid-client get a token from the local issuer, and shows that it sees each rejection.
// It takes the variables that the issuer prints, and needs nothing else.

import { strict as assert } from "node:assert";
import * as client from "openid-client";

const {
  COGNITO_ISSUER: issuer,
  COGNITO_TOKEN_URL: token_endpoint,
  COGNITO_CLIENT_ID: clientId,
  COGNITO_CLIENT_SECRET: clientSecret,
} = process.env;

function configuration(secret, authentication) {
  const configured = new client.Configuration({ issuer, token_endpoint }, clientId, undefined, authentication(secret));
  configured.timeout = 5;
  // The issuer serves plain http on loopback.
  client.allowInsecureRequests(configured);
  return configured;
}

const fetchToken = (scope, secret = clientSecret, authentication = client.ClientSecretBasic) =>
  client.clientCredentialsGrant(configuration(secret, authentication), { scope });

for (const authentication of [client.ClientSecretBasic, client.ClientSecretPost]) {
  const token = await fetchToken("profiles/get profiles/post", clientSecret, authentication);
  assert.equal(token.token_type, "bearer");
  assert.equal(token.expires_in, 3600);
  assert.equal(token.access_token.split(".").length, 3);
}
await assert.rejects(fetchToken("profiles/get", "another secret"), { error: "invalid_client" });
await assert.rejects(fetchToken("profiles/delete"), { error: "invalid_scope" });
console.log("openid-client: 2 tokens obtained, 2 requests rejected as expected");
