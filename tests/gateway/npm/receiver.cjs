// Receives webhooks and checks each with the specification's reference library. The secret comes on standard input.
// Standard output: {"port": N}, then a line for each delivery. The first FAIL (an argument) deliveries are answered 500.
const http = require("node:http");
const { Webhook } = require("standardwebhooks");

const fail = Number(process.argv[2] ?? 0);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

let secret = "";
process.stdin.on("data", (chunk) => (secret += chunk));
process.stdin.on("end", () => {
  const webhook = new Webhook(secret.trim());
  let seen = 0;
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      let verified = true;
      let error;
      try {
        webhook.verify(body, request.headers);
      } catch (e) {
        verified = false;
        error = e.message;
      }
      const status = ++seen <= fail ? 500 : 204;
      say({ method: request.method, url: request.url, headers: request.headers, body, verified, error, status });
      response.writeHead(status).end();
    });
  });
  server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
});
