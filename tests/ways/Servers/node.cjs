// An upstream as Node's users write it. It tells, a line of JSON for each request, what it took the request for: once for each
// way in which such servers read a URL.
const http = require('node:http');
const url = require('node:url');
const path = require('node:path');
const fs = require('node:fs');
const querystring = require('node:querystring');

const log = fs.openSync(process.argv[2], 'a');

const actions = [
  ['GET', ['open', '{name}'], 'open.read'],
  ['POST', ['open', '{name}'], 'open.write'],
  ['DELETE', ['open', '{name}'], 'open.delete'],
  ['GET', ['secret', '{name}'], 'secret.read'],
  ['GET', ['files', 'private', '{path*}'], 'files.private'],
  ['GET', ['files', '{path*}'], 'files.read'],
  ['GET', ['search'], 'search'],
  ['GET', ['env'], 'env'],
  ['GET', ['orders', '{order}'], 'orders.read'],
  ['POST', ['orders', '{order}', 'refunds'], 'orders.refund'],
];

// As a router does: fixed parts without case where `fold`, one slash at the end more or less.
function match(method, segments, fold) {
  const same = (a, b) => (fold ? a.toLowerCase() === b : a === b);
  for (const [m, pattern, name] of actions) {
    if (m !== method) continue;
    const rest = pattern[pattern.length - 1] === '{path*}';
    if (rest ? segments.length < pattern.length : segments.length !== pattern.length) continue;
    if (!pattern.every((p, i) => p.startsWith('{') || same(segments[i], p))) continue;
    const at = pattern.findIndex((p) => p.startsWith('{'));
    if (at >= 0 && segments[at] === '') continue;
    const resource = at < 0 ? '' : pattern[at].replace(/[{}*]/g, '') + '=' + (rest ? segments.slice(at).join('/') : segments[at]);
    return { route: name, resource };
  }
  return { route: 'none', resource: '' };
}

function decode(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

const split = (pathname) => pathname.replace(/^\//, '').split('/');

function ideas(method, target) {
  const found = [];
  const add = (idea, segments, fold = false) => found.push({ idea, ...match(method, segments, fold) });
  const raw = target.split('?')[0];
  add('raw', split(raw).map(decode));
  add('folded', split(raw.replace(/\/$/, '')).map(decode), true);
  add('decoded first', split(decode(raw)));
  add('normalized', split(path.posix.normalize(decode(raw))));
  try { add('URL', split(new URL(target, 'http://api.test').pathname).map(decode)); } catch { /* no idea of it */ }
  try { add('url.parse', split(url.parse(target).pathname ?? '').map(decode)); } catch { /* no idea of it */ }
  return found;
}

function queries(target) {
  const at = target.indexOf('?');
  const text = at < 0 ? '' : target.slice(at + 1);
  return [...new URLSearchParams(text).getAll('env'), ...[querystring.parse(text).env ?? []].flat(),
    ...Object.entries(querystring.parse(text.replace(/\[\]|%5b%5d/gi, ''))).filter(([k]) => k.toLowerCase() === 'env').map(([, v]) => v).flat(),
    ...[querystring.parse(text, ';').env ?? []].flat()];
}

function amounts(body) {
  try {
    const value = JSON.parse(body.toString('utf8'));
    return [value?.amount, value?.Amount].filter((v) => v !== undefined).map((v) => String(Number(v)));
  } catch { return []; }
}

const server = http.createServer({ insecureHTTPParser: true, keepAliveTimeout: 60000 });
server.on('request', (req, res) => {
  const chunks = [];
  let told = false;
  const tell = () => {
    if (told) return;
    told = true;
    const header = (name) => req.rawHeaders.filter((_, i) => i % 2 === 0).map((n, i) => [n, req.rawHeaders[2 * i + 1]])
      .filter(([n]) => n.toLowerCase().replaceAll('_', '-') === name).map(([, v]) => v);
    const override = req.headers['x-http-method-override'] ?? req.headers['x-method-override'] ?? req.headers['x-http-method'];
    const target = req.headers['x-original-url'] ?? req.headers['x-rewrite-url'] ?? req.url;
    fs.writeSync(log, JSON.stringify({
      case: header('x-case').join('|'), method: req.method, host: req.headers.host ?? '', target: req.url,
      ideas: ideas((override ?? req.method).toUpperCase(), target), env: queries(target), header: header('x-env'),
      amounts: amounts(Buffer.concat(chunks)), forwarded: header('x-forwarded-host'), own: req.rawHeaders.filter((_, i) => i % 2 === 0).filter((n) => /^jit[-_]/i.test(n)),
    }) + '\n');
    res.setHeader('X-Upstream', 'node');
    res.end('seen');
  };
  req.on('data', (c) => chunks.push(c));
  req.on('end', tell);
  req.on('close', tell);
  req.on('error', tell);
});
// Without these Node would answer by itself.
server.on('checkExpectation', (req, res) => server.emit('request', req, res));
server.on('clientError', (error, socket) => {
  // Only what it could not read: a connection that went away half-way was told of as the request that it was.
  if (/^HPE_(?!INVALID_EOF_STATE)/.test(error.code)) fs.writeSync(log, JSON.stringify({ case: '', method: '', host: '', target: '', ideas: [{ idea: 'parser', route: 'unreadable', resource: error.code }], env: [], header: [], amounts: [], forwarded: [], own: [] }) + '\n');
  socket.destroy();
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
