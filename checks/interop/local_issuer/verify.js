// Verifies a token of the local issuer with AWS's library, and shows that it rejects what it must.
// It takes the variables that the issuer prints, and needs nothing else.

import { strict as assert } from "node:assert";
import { CognitoJwtVerifier } from "aws-jwt-verify";

const {
  COGNITO_USER_POOL_ID: userPoolId,
  COGNITO_JWKS_URL: jwksUrl,
  COGNITO_TOKEN_URL: tokenUrl,
  COGNITO_CLIENT_ID: clientId,
  COGNITO_CLIENT_SECRET: clientSecret,
} = process.env;

const bounded = () => ({ signal: AbortSignal.timeout(5000) });

async function fetchToken(scope) {
  const response = await fetch(tokenUrl, {
    ...bounded(),
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", scope }),
  });
  assert.equal(response.status, 200);
  return (await response.json()).access_token;
}

// Its own fetcher demands https, so the keys are fetched here and handed to it.
const jwks = await (await fetch(jwksUrl, bounded())).json();

function verifier(properties = {}) {
  const verifier = CognitoJwtVerifier.create({
    userPoolId,
    tokenUse: "access",
    clientId,
    scope: ["profiles/get"],
    ...properties,
  });
  verifier.cacheJwks(jwks);
  return verifier;
}

const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part) => JSON.parse(Buffer.from(part, "base64url"));

const token = await fetchToken("profiles/get");
const other = await fetchToken("profiles/get");
const [header, payload, signature] = token.split(".");

const claims = verifier().verifySync(token);
assert.equal(claims.sub, clientId);
assert.equal(claims.client_id, clientId);
assert.equal(claims.scope, "profiles/get");
assert.equal(claims.version, 2);
assert.equal(claims.exp - claims.iat, 3600);
assert.equal("typ" in decode(header), false);

const richer = encode({ ...decode(payload), scope: "profiles/get profiles/post" });
const unsigned = encode({ ...decode(header), alg: "none" });
const rejected = {
  "another scope than was granted": [`${header}.${richer}.${signature}`, {}, /Invalid signature/],
  "the signature of another token": [`${header}.${payload}.${other.split(".")[2]}`, {}, /Invalid signature/],
  "no signature": [`${unsigned}.${payload}.`, {}, /JWT string does not consist of exactly 3 parts/],
  "a scope that was not granted": [token, { scope: ["profiles/post"] }, /Scope not allowed/],
  "another app client": [token, { clientId: "other" }, /Client ID not allowed/],
  "the other token use": [token, { tokenUse: "id" }, /Token use not allowed/],
  "another user pool": [token, { userPoolId: "eu-west-1_Other" }, /issuer not configured/],
};
for (const [what, [sent, properties, reason]] of Object.entries(rejected)) {
  assert.throws(() => verifier(properties).verifySync(sent), reason, what);
}
console.log(`aws-jwt-verify: 1 token accepted, ${Object.keys(rejected).length} rejected as expected`);
