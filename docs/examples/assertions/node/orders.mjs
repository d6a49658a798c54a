// An API behind JitGrains that serves nobody but the gateway: it wants a signed assertion with every call.
// npm install jose; JIT_JWKS=http://gateway:8080/.jit/jwks node orders.mjs
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createRemoteJWKSet, jwtVerify } from "jose";

// Fetches the keys, keeps them, and fetches them again when it meets a key id that it does not know.
const keys = createRemoteJWKSet(new URL(process.env.JIT_JWKS));
const sha256 = (data) => createHash("sha256").update(data).digest("base64url");

async function verify(request, body) {
  const { payload } = await jwtVerify(request.headers["jit-assertion"] ?? "", keys, {
    issuer: "jitgrains",
    audience: "orders", // the API's name in the policy
    algorithms: ["ES256"],
    typ: "jit-assertion+jwt",
    requiredClaims: ["exp", "sub", "request_digest"],
    clockTolerance: 5,
  });
  // It is for this call and no other.
  const { line, body: digest } = payload.request_digest;
  if (line !== sha256(`${request.method} ${request.url}`)) throw new Error("another request");
  if (digest !== undefined && digest !== sha256(body)) throw new Error("another body");
  return payload;
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let status = 200, answer;
  try {
    const { sub, act, action, approvers } = await verify(request, Buffer.concat(chunks));
    answer = { sub, act, action, approvers };
  } catch (error) {
    [status, answer] = [401, { error: error.message }];
  }
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
});
server.listen(Number(process.env.PORT ?? 8082), "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
