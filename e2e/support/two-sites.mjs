// Two servers below one origin, each at a path of its own.
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

/** Serves `{ '/a': server, '/b': server }`. Returns `{ origin, close }`. */
export async function serveBelowPaths(servers) {
  const find = (url) => Object.entries(servers).find(([path]) => url.startsWith(`${path}/`));
  const listener = createServer((asked, answer) => {
    const [path, server] = find(asked.url) ?? [];
    if (!server) return answer.writeHead(404).end();
    const { method, headers } = asked;
    const target = { port: server.port, host: '127.0.0.1', path: asked.url.slice(path.length), method, headers };
    const passed = request(target, (served) => {
      answer.writeHead(served.statusCode, served.headers);
      served.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    asked.pipe(passed);
  });
  const sockets = new Set();
  listener.on('upgrade', (asked, near) => {
    const [path, server] = find(asked.url) ?? [];
    if (!server) return near.destroy();
    const far = connect(server.port, '127.0.0.1');
    sockets.add(near).add(far);
    const headers = asked.rawHeaders.map((part, index) => (index % 2 ? `${part}\r\n` : `${part}: `));
    far.write(`GET ${asked.url.slice(path.length)} HTTP/1.1\r\n${headers.join('')}\r\n`);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {}).on('close', () => (near.destroy(), far.destroy()));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const close = () => {
    sockets.forEach((socket) => socket.destroy());
    listener.closeAllConnections();
    listener.close();
  };
  return { origin: `http://127.0.0.1:${listener.address().port}`, close };
}
