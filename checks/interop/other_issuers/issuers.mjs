// Runs oauth2-mock-server, oidc-provider and cognito-local on free ports of 127.0.0.1 until standard input ends.
// Prints one line of JSON when they serve, and one more for each line `rotate` that it reads.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { OAuth2Server } from 'oauth2-mock-server';
import Provider from 'oidc-provider';

const CLIENT = 'urn:example:caller';
const SECRET = 'not-a-secret-of-anyone';

async function token(url, parameters) {
  const reply = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: CLIENT,
      client_secret: SECRET,
      ...parameters,
    }),
  });
  const body = await reply.json();
  if (!reply.ok) throw new Error(`${url}: ${JSON.stringify(body)}`);
  return body.access_token;
}

// Its tokens are whatever its hook makes of them: here, what Cognito writes for an app client.
async function startMock() {
  const server = new OAuth2Server();
  const first = await server.issuer.keys.generate('RS256');
  await server.start(0, '127.0.0.1');
  const url = `http://127.0.0.1:${server.address().port}`;
  server.issuer.url = url;

  const ask = async (shape = () => {}) => {
    server.service.once('beforeTokenSigning', (jwt) => shape(jwt));
    return token(`${url}/token`, { scope: 'profiles/get' });
  };
  const likeCognito = ({ header, payload }) => {
    delete header.typ;
    delete payload.nbf;
    delete payload.aud;
    delete payload.amr;
    Object.assign(payload, {
      sub: CLIENT,
      client_id: CLIENT,
      token_use: 'access',
      scope: 'profiles/get',
      version: 2,
      auth_time: payload.iat,
      jti: crypto.randomUUID(),
    });
  };
  return {
    stop: () => server.stop(),
    told: {
      issuer: url,
      jwks_url: `${url}/jwks`,
      kid: first.kid,
      like_cognito: await ask(likeCognito),
      with_typ: await ask((jwt) => { likeCognito(jwt); jwt.header.typ = 'JWT'; }),
      as_it_comes: await ask(),
    },
    // The service has seen only the first key until now.
    rotate: async () => {
      const second = await server.issuer.keys.generate('RS256');
      const made = [await ask(likeCognito), await ask(likeCognito)];
      const kid = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url')).kid;
      return { kid: second.kid, new_key: made.find((jwt) => kid(jwt) === second.kid) };
    },
  };
}

// An OpenID-certified server. Its JWT access tokens are those of RFC 9068, bound to a resource.
async function startProvider() {
  const http = createServer();
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const url = `http://127.0.0.1:${http.address().port}`;
  const { privateKey } = await crypto.subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true,
    ['sign', 'verify'],
  ).then(async (pair) => ({ privateKey: await crypto.subtle.exportKey('jwk', pair.privateKey) }));
  let extra = {};
  const provider = new Provider(url, {
    clients: [{
      client_id: CLIENT,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'client_secret_post',
    }],
    jwks: { keys: [{ ...privateKey, kid: 'provider', use: 'sig', alg: 'RS256', key_ops: undefined }] },
    scopes: ['profiles/get'],
    extraTokenClaims: () => extra,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          audience: resource,
          scope: 'profiles/get',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  http.on('request', provider.callback());
  const ask = (resource) => token(`${url}/token`, { scope: 'profiles/get', resource });

  const told = { issuer: url, jwks_url: `${url}/jwks` };
  told.as_it_comes = await ask('urn:example:profiles');
  extra = { token_use: 'access' };
  told.for_another_audience = await ask('urn:example:profiles');
  told.for_its_own_client = await ask(CLIENT);
  told.for_mcp = await ask('https://mcp.example.com/mcp');
  told.for_the_parent_of_mcp = await ask('https://mcp.example.com');
  return { told, stop: () => http.close() };
}

// Makes its data folder where it is started, which is a scratch folder.
async function startCognitoLocal() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');

  const start = createRequire(import.meta.url).resolve('cognito-local/lib/bin/start.js');
  const child = spawn(process.execPath, [start], {
    env: { PATH: process.env.PATH, HOST: '127.0.0.1', PORT: String(port) },
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries += 1) {
    const up = await fetch(`${url}/health`).then((reply) => reply.ok, () => false);
    if (up) break;
    if (tries === 100 || child.exitCode !== null) throw new Error('cognito-local did not start');
    await new Promise((resolve) => { setTimeout(resolve, 100); });
  }
  return { told: { url }, stop: () => child.kill() };
}

const started = [];
try {
  const mock = await startMock();
  started.push(mock);
  const provider = await startProvider();
  started.push(provider);
  const local = await startCognitoLocal();
  started.push(local);
  const told = { client: CLIENT, mock: mock.told, provider: provider.told, cognito_local: local.told };
  console.log(JSON.stringify(told));
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'rotate') console.log(JSON.stringify(await mock.rotate()));
  }
} finally {
  for (const each of started) await each.stop();
}
process.exit();
