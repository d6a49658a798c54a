// A real OpenID provider (npm's oidc-provider) for the tests. The argument is a JSON object:
//   {"port": 0, "keys": FILE, "accounts": {NAME: {claims}}, "clients": [...], "ttl": seconds of access tokens}
// The keys file is made where it is missing, so that a provider that is started again has the keys it had.
// Standard output: {"port": N}, then a line for each command taken. Commands, a line each on standard input:
//   rotate   new signing keys; the old ones stay published
//   retire   the keys that do not sign are no longer published
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import { createInterface } from "node:readline";
import { Provider } from "oidc-provider";

const config = JSON.parse(process.argv[2]);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

const newKeys = () => [
  { ...generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "ES256" },
  { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" },
];
let keys = existsSync(config.keys) ? JSON.parse(readFileSync(config.keys, "utf8")) : newKeys();
const keep = () => writeFileSync(config.keys, JSON.stringify(keys), { mode: 0o600 });
keep();

const server = http.createServer((request, response) => handler(request, response));
let issuer, provider, callback;

// Sessions, grants and codes outlive a rotation: they are in the provider's own memory, one for all its instances.
const renew = () => {
  provider = new Provider(issuer, configuration());
  // The tests' provider listens without TLS, on loopback only.
  callback = provider.callback();
};

const accountOf = (id) => ({
  accountId: id,
  claims: () => ({ sub: id, ...config.accounts[id] }),
});

const configuration = () => ({
  jwks: { keys },
  clients: config.clients,
  cookies: { keys: ["only-for-tests"] },
  pkce: { required: (_ctx, client) => client.tokenEndpointAuthMethod === "none" },
  claims: { openid: ["sub"], email: ["email", "email_verified"], groups: ["groups"], acr: null, amr: null, auth_time: null },
  scopes: ["openid", "offline_access", "email", "groups"],
  acrValues: ["pwd", "mfa"],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    dPoP: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "urn:example:jitgrains",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "openid email groups offline_access",
        audience: "jitgrains",
        accessTokenTTL: config.ttl ?? 600,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: config.algorithm ?? "ES256" } },
      }),
    },
  },
  ttl: { AccessToken: config.ttl ?? 600, ClientCredentials: config.ttl ?? 600, Interaction: 600, Session: 3600, Grant: 3600, IdToken: 600 },
  findAccount: (_ctx, id) => (config.accounts[id] ? accountOf(id) : undefined),
  extraTokenClaims: async (_ctx, token) => {
    const { acr, amr, auth_time } = (token.sessionUid && (await sessionOf(token))) || {};
    return { ...(config.accounts[token.accountId ?? token.clientId] ?? {}), ...(acr && { acr }), ...(amr && { amr }), ...(auth_time && { auth_time }) };
  },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (_ctx, client, code) => client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  rotateRefreshToken: true,
  conformIdTokenClaims: false,
  // Nobody is asked for consent: the tests are about who somebody is.
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid offline_access email groups");
    grant.addResourceScope("urn:example:jitgrains", "openid email groups offline_access");
    await grant.save();
    return grant;
  },
});

const sessionOf = async (token) => {
  const session = await provider.Session.findByUid(token.sessionUid);
  return session && { acr: session.acr, amr: session.amr, auth_time: session.loginTs };
};

// The sign-in page: a form for browsers; whoever gives a login_hint is signed in at once.
const interact = async (request, response) => {
  const { params, uid } = await provider.interactionDetails(request, response);
  let login = params.login_hint;
  let second = `${params.acr_values ?? ""}`.split(" ").includes("mfa");
  if (request.method === "POST") {
    const form = new URLSearchParams(await text(request));
    login = form.get("login");
    second ||= form.has("second_factor");
  }
  if (!config.accounts[login]) {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(`<form method="post" action="/interaction/${uid}"><input name="login"><input type="checkbox" name="second_factor"><button>Sign in</button></form>`);
    return;
  }
  await provider.interactionFinished(
    request,
    response,
    { login: { accountId: login, acr: second ? "mfa" : "pwd", amr: second ? ["pwd", "otp"] : ["pwd"], remember: false }, consent: {} },
    { mergeWithLastSubmission: false },
  );
};

const text = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};

const handler = (request, response) => {
  if (!request.url.startsWith("/interaction/")) return callback(request, response);
  interact(request, response).catch((e) => response.writeHead(400).end(e.message));
};

server.listen(config.port ?? 0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  renew();
  say({ port: server.address().port });
});

createInterface({ input: process.stdin })
  .on("line", (command) => {
    if (command === "rotate") keys = [...newKeys(), ...keys];
    if (command === "retire") keys = keys.slice(0, 2);
    keep();
    renew();
    say({ done: command });
  })
  // Whoever started it is gone.
  .on("close", () => process.exit(0));
