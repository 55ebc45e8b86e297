// Replays fixtures/cases through AWS's own verifier and through jose. Both must decide as this crate does, but for the cases
// that fixtures/divergences.json lists; a listed case on which there is no difference any more is an error, too.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CognitoJwtVerifier } from "aws-jwt-verify";
import { createLocalJWKSet, jwtVerify } from "jose";

const fixtures = process.argv[2];
const read = (file) => JSON.parse(readFileSync(join(fixtures, file), "utf8"));
const named = (list) => Object.fromEntries(list.map((element) => [element.name, element]));

const profiles = named(read("cases/profiles.json"));
const divergences = read("divergences.json");
const cases = readdirSync(join(fixtures, "cases"))
  .filter((file) => file.endsWith(".json") && file !== "profiles.json")
  .flatMap((file) => read(`cases/${file}`));

// A document that is not JSON contains no key.
const documents = new Map();
function keySet(name) {
  if (!documents.has(name)) {
    let document = null;
    try {
      document = JSON.parse(readFileSync(join(fixtures, `jwks/${name}.json`), "utf8"));
    } catch {
      // Not JSON, or the endpoint is unreachable: there are no keys.
    }
    documents.set(name, document);
  }
  return documents.get(name);
}

// The token of a request that has exactly one, which is where a service would begin to use either library.
function tokenOf({ headers }) {
  const fields = headers.filter(([name]) => name.toLowerCase() === "authorization");
  if (fields.length !== 1) return null;
  const [, value] = fields[0];
  const text = Array.isArray(value) ? value.map(([part, n]) => part.repeat(n)).join("") : value;
  return /^bearer +(.+)$/is.exec(text)?.[1] ?? null;
}

const originalIssuer = (id) => `https://cognito-idp.${id.split("_")[0]}.amazonaws.com/${id}`;
const updatedIssuer = (id) => originalIssuer(id).replace("cognito-idp", "issuer-cognito-idp");
const leeway = (profile) => profile.leeway ?? 10;

const implementations = {
  "aws-jwt-verify": {
    // Profiles with a setting that it has no counterpart of are left out.
    covers: ({ profile, expect }) =>
      expect.reason !== "anonymous" &&
      !["replica", "exact_issuer", "emulator", "both_scopes", "scopes_or_admin"].includes(profile) &&
      !["required_audience", "two_required_audiences", "partner_pool"].includes(profile) &&
      !["audience", "max_token_age", "max_token_bytes", "check_forbids", "check_revokes"].includes(profile),
    async accepts({ jwks }, profile, token) {
      const document = keySet(jwks);
      if (document === null) return false;
      const verifier = CognitoJwtVerifier.create(
        profile.pools.map(({ id, clients }) => ({
          userPoolId: id,
          // Null is either.
          tokenUse: profile.token_uses ? (profile.token_uses.length > 1 ? null : profile.token_uses[0]) : "access",
          clientId: clients ?? null,
          scope: profile.scopes?.map(([scope]) => scope) ?? null,
          graceSeconds: leeway(profile),
        })),
      );
      for (const { id } of profile.pools) verifier.cacheJwks(document, id);
      verifier.verifySync(token);
      return true;
    },
  },
  jose: {
    // It decides about signature, issuer, dates, and an audience that is required; the rest is left to its user.
    covers: ({ profile, expect }) =>
      (expect.reason === "audience_not_allowed" && profiles[profile].required_audiences !== undefined) ||
      [
        "accepted",
        "algorithm_not_allowed",
        "expired",
        "header_not_supported",
        "invalid_signature",
        "issuer_not_allowed",
        "unknown_key",
        "malformed_claims",
        "malformed_credentials",
        "malformed_header",
        "malformed_token",
        "not_yet_valid",
        "issued_in_future",
      ].includes(expect.reason),
    async accepts({ jwks, clock }, profile, token) {
      const document = keySet(jwks);
      if (document === null) return false;
      const issuer = profile.pools.flatMap(({ id, exact, replica_region: region }) =>
        exact
          ? [id]
          : [originalIssuer(id), updatedIssuer(id)].concat(
              region ? [originalIssuer(id).replace(id.split("_")[0], region)] : [],
            ),
      );
      await jwtVerify(token, createLocalJWKSet(document), {
        algorithms: ["RS256"],
        issuer,
        requiredClaims: ["exp"],
        audience: profile.required_audiences,
        clockTolerance: leeway(profile),
        currentDate: new Date(clock * 1000),
      });
      return true;
    },
  },
};

const systemClock = Date.now;
let failed = false;
for (const [name, { covers, accepts }] of Object.entries(implementations)) {
  const found = new Set();
  let compared = 0;
  for (const one of cases) {
    const token = tokenOf(one);
    if (token === null || !covers(one)) continue;
    compared += 1;
    Date.now = () => one.clock * 1000;
    const accepted = await accepts(one, profiles[one.profile], token).catch(() => false);
    Date.now = systemClock;
    if (accepted !== (one.expect.reason === "accepted")) found.add(one.name);
  }
  const listed = new Set(Object.values(divergences[name]).flat());
  const unlisted = [...found].filter((one) => !listed.has(one));
  const vanished = [...listed].filter((one) => !found.has(one));
  console.log(`${name}: ${compared} cases, ${found.size} decided otherwise, all of them listed: ${unlisted.length === 0}`);
  if (unlisted.length > 0) console.log("not listed:", JSON.stringify(unlisted));
  if (vanished.length > 0) console.log("listed, and no more:", JSON.stringify(vanished));
  failed ||= compared < 700 || unlisted.length > 0 || vanished.length > 0;
}
process.exit(failed ? 1 : 0);
