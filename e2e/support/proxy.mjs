// A real nginx or Caddy in front of a server, set up by the very files in deploy/: only names, ports
// and places are filled in. Nothing of it needs root or leaves the loopback.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.mjs';

const run = promisify(execFile);
const DEPLOY = new URL('../../deploy/', import.meta.url);
/** Where the files in deploy/ have xmeet. */
const SOCKET = '/run/xmeet/xmeet.sock';

/** `cargo xtask test` names them. */
const PROGRAMS = { nginx: process.env.NGINX || 'nginx', caddy: process.env.CADDY || 'caddy' };

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Proxy {
  #child;
  #log = '';

  /** nginx as a site of its own, by TLS. */
  static async nginx(server) {
    const proxy = await Proxy.#make();
    await run('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-subj', '/CN=127.0.0.1', '-keyout', join(proxy.folder, 'key.pem'),
      '-out', join(proxy.folder, 'cert.pem'),
    ]);
    proxy.origin = `https://127.0.0.1:${proxy.port}`;
    const site = await filled('nginx.conf', {
      [SOCKET]: server.socketPath,
      'listen 443 ssl': `listen 127.0.0.1:${proxy.port} ssl`,
      '/etc/ssl/chat.example.org.pem': join(proxy.folder, 'cert.pem'),
      '/etc/ssl/private/chat.example.org.key': join(proxy.folder, 'key.pem'),
    });
    return proxy.#nginx(site);
  }

  /** nginx, with a server below /chat. */
  static async nginxBelow(server) {
    const proxy = await Proxy.#make();
    proxy.origin = `http://127.0.0.1:${proxy.port}/chat`;
    const [beside] = (await filled('nginx.conf', { [SOCKET]: server.socketPath }))
      .split('\nserver {');
    const below = await filled('nginx-prefix.conf');
    return proxy.#nginx(`${beside}\nserver {\n listen 127.0.0.1:${proxy.port};\n${below}}`);
  }

  /** Caddy as a site of its own. */
  static caddy(server) {
    return Proxy.#caddy(server, '', '# A site of its own', 'chat.example.org {');
  }

  /** Caddy, with a server below /chat. */
  static caddyBelow(server) {
    return Proxy.#caddy(server, '/chat', '# Below', 'example.org {');
  }

  static async #caddy(server, prefix, comment, name) {
    const proxy = await Proxy.#make();
    const address = `http://127.0.0.1:${proxy.port}`;
    proxy.origin = address + prefix;
    const sites = await filled('Caddyfile', { [SOCKET]: server.socketPath });
    const site = sites.split('\n\n').find((part) => part.startsWith(comment));
    if (!site?.includes(`\n${name}`)) throw new Error(`deploy/Caddyfile has no "${comment}"`);
    const file = join(proxy.folder, 'Caddyfile');
    const globals = `{
      admin off
      auto_https off
      default_bind 127.0.0.1
      storage file_system ${proxy.folder}
    }\n`;
    await writeFile(file, globals + site.replace(name, `${address} {`));
    return proxy.#start(PROGRAMS.caddy, ['run', '--adapter', 'caddyfile', '--config', file]);
  }

  static async #make() {
    const proxy = new Proxy();
    proxy.folder = await mkdtemp(join(tmpdir(), 'xmeet-proxy-'));
    // nginx's workers may be another user.
    await chmod(proxy.folder, 0o755);
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    proxy.port = probe.address().port;
    probe.close();
    await once(probe, 'close');
    return proxy;
  }

  async #nginx(sites) {
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${join(this.folder, name)};`).join('\n');
    const file = join(this.folder, 'nginx.conf');
    await writeFile(file, `daemon off; master_process off; pid ${join(this.folder, 'pid')};
      error_log stderr warn; events {} http { access_log off; ${places}\n${sites}\n}`);
    return this.#start(PROGRAMS.nginx, ['-e', 'stderr', '-p', this.folder, '-c', file]);
  }

  async #start(program, args) {
    const { folder } = this;
    const homes = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder };
    const env = { ...process.env, ...homes };
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    running.add(child);
    this.#child = child;
    let failure;
    child.once('error', (error) => (failure = error));
    child.once('exit', () => (failure ??= new Error('it ended')));
    child.stderr.setEncoding('utf8').on('data', (text) => (this.#log += text));
    await until(() => `${program} to listen: ${this.#log}`, async () => {
      if (failure) throw new Error(`${program}: ${failure.message}\n${this.#log}`);
      return isListening(this.port);
    });
    return this;
  }

  /** Nobody listens any more. */
  async stop() {
    running.delete(this.#child);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async close() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A file of deploy/ with places of this machine in it; each has to be there. */
async function filled(name, places = {}) {
  let text = await readFile(new URL(name, DEPLOY), 'utf8');
  for (const [place, own] of Object.entries(places)) {
    if (!text.includes(place)) throw new Error(`deploy/${name} has no ${place}`);
    text = text.replaceAll(place, own);
  }
  return text;
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
