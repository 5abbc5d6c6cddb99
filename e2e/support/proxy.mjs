// A real nginx, Caddy, Apache or HAProxy in front of a server, configured by the files in deploy/ with
// other names, ports and paths. Everything listens on the loopback only.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from './until.mjs';

const run = promisify(execFile);
const DEPLOY = new URL('../../deploy/', import.meta.url);
/** The path of xmeet's socket in the files in deploy/. */
const SOCKET = '/run/xmeet/xmeet.sock';

/** The programs, set by `cargo xtask test`. */
const PROGRAMS = {
  nginx: process.env.NGINX || 'nginx',
  caddy: process.env.CADDY || 'caddy',
  apache: process.env.APACHE || '/usr/sbin/apache2',
  haproxy: process.env.HAPROXY || 'haproxy',
};
/** The folder with libraries of programs that are unpacked and not installed. */
const LIBRARIES = process.env.PROXY_LIBRARIES ?? '';

/** Modules of Apache that deploy/apache.conf needs. */
const APACHE_MODULES = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http', 'ssl'];

const running = new Set();
process.on('exit', () => running.forEach(killGroup));

/** Kills a proxy and its workers. */
function killGroup(child) {
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // The group has ended.
  }
}

export class Proxy {
  #child;
  #log = '';

  /** nginx as a site of its own, with TLS. */
  static async nginx(server) {
    const proxy = await Proxy.#make();
    await proxy.#certify();
    const site = await filled('nginx.conf', {
      ...proxy.#nginxLogs(),
      [SOCKET]: server.socketPath,
      'listen 443 ssl': `listen 127.0.0.1:${proxy.port} ssl`,
      '/etc/ssl/chat.example.org.pem': join(proxy.folder, 'cert.pem'),
      '/etc/ssl/private/chat.example.org.key': join(proxy.folder, 'key.pem'),
    });
    return proxy.#nginx(site);
  }

  /** Apache as a site of its own, with TLS. */
  static async apache(server) {
    const proxy = await Proxy.#make();
    await proxy.#certify();
    const { folder, port } = proxy;
    const site = await filled('apache.conf', {
      [SOCKET]: server.socketPath,
      '<VirtualHost *:443>': `<VirtualHost 127.0.0.1:${port}>`,
      '/etc/ssl/chat.example.org.pem': join(folder, 'cert.pem'),
      '/etc/ssl/private/chat.example.org.key': join(folder, 'key.pem'),
      '/var/log/apache2/xmeet.access.log': join(folder, 'access.log'),
      '/var/log/apache2/xmeet.error.log': join(folder, 'error.log'),
    });
    // Apache of root serves as another user, which must reach the socket.
    const isRoot = process.getuid() === 0;
    if (isRoot) {
      await chmod(server.folder, 0o711);
      await chmod(server.socketPath, 0o666);
    }
    const modules = join(dirname(PROGRAMS.apache), '../lib/apache2/modules');
    const file = join(folder, 'httpd.conf');
    await writeFile(file, [
      `ServerRoot ${folder}`, 'ServerName 127.0.0.1', `DefaultRuntimeDir ${folder}`,
      `PidFile ${join(folder, 'pid')}`, `ErrorLog ${join(folder, 'main.log')}`, `Listen 127.0.0.1:${port}`,
      isRoot ? 'User nobody\nGroup nogroup' : '',
      ...APACHE_MODULES.map((name) => `LoadModule ${name}_module ${join(modules, `mod_${name}.so`)}`),
      site,
    ].join('\n'));
    return proxy.#start(PROGRAMS.apache, ['-D', 'FOREGROUND', '-f', file]);
  }

  /** HAProxy as a site of its own, with TLS. */
  static async haproxy(server) {
    const proxy = await Proxy.#make();
    await proxy.#certify();
    const { folder, port } = proxy;
    const both = join(folder, 'both.pem');
    const pems = ['cert.pem', 'key.pem'].map((name) => readFile(join(folder, name), 'utf8'));
    await writeFile(both, (await Promise.all(pems)).join(''));
    const site = await filled('haproxy.cfg', {
      [`unix@${SOCKET}`]: `unix@${server.socketPath}`,
      'bind :443': `bind 127.0.0.1:${port}`,
      '/etc/ssl/private/chat.example.org.pem': both,
    });
    const file = join(folder, 'haproxy.cfg');
    await writeFile(file, `global\n  log stderr format raw local0 debug\n${site}`);
    return proxy.#start(PROGRAMS.haproxy, ['-db', '-f', file]);
  }

  /** nginx, with a server below /chat. */
  static async nginxBelow(server) {
    const proxy = await Proxy.#make();
    proxy.origin = `http://127.0.0.1:${proxy.port}/chat`;
    const [beside] = (await filled('nginx.conf', { [SOCKET]: server.socketPath }))
      .split('\nserver {');
    const below = await filled('nginx-prefix.conf', proxy.#nginxLogs());
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
    const sites = await filled('Caddyfile', {
      [SOCKET]: server.socketPath,
      '/var/log/caddy/xmeet.access.log': join(proxy.folder, 'access.log'),
    });
    const part = (begin) => sites.split('\n\n').find((part) => part.startsWith(begin));
    const [site, globals] = [part(comment), part('# For all sites')];
    if (!site?.includes(`\n${name}`)) throw new Error(`deploy/Caddyfile has no "${comment}"`);
    if (!globals?.includes('\n{\n')) throw new Error('deploy/Caddyfile has no global block');
    const file = join(proxy.folder, 'Caddyfile');
    const own = `
      admin off
      auto_https off
      default_bind 127.0.0.1
      storage file_system ${proxy.folder}`;
    const text = `${globals.replace('\n{\n', `\n{${own}\n`)}\n\n${site.replace(name, `${address} {`)}\n`;
    await writeFile(file, text);
    return proxy.#start(PROGRAMS.caddy, ['run', '--adapter', 'caddyfile', '--config', file]);
  }

  static async #make() {
    const proxy = new Proxy();
    proxy.folder = await mkdtemp(join(tmpdir(), 'xmeet-proxy-'));
    // nginx's workers may run as another user.
    await chmod(proxy.folder, 0o755);
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    proxy.port = probe.address().port;
    probe.close();
    await once(probe, 'close');
    return proxy;
  }

  /** Makes a certificate for the proxy. */
  async #certify() {
    await run('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-subj', '/CN=127.0.0.1', '-keyout', join(this.folder, 'key.pem'),
      '-out', join(this.folder, 'cert.pem'),
    ]);
    this.origin = `https://127.0.0.1:${this.port}`;
  }

  #nginxLogs() {
    return {
      '/var/log/nginx/xmeet.access.log': join(this.folder, 'access.log'),
      '/var/log/nginx/xmeet.error.log': join(this.folder, 'error.log'),
    };
  }

  /** Returns the proxy's logs: its files and its standard error. */
  async logged() {
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.log'));
    const files = names.map((name) => readFile(join(this.folder, name), 'utf8'));
    return [this.#log, ...await Promise.all(files)].join('\n');
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
    if (LIBRARIES) env.LD_LIBRARY_PATH = LIBRARIES;
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env, detached: true });
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

  /** Stops the proxy. */
  async stop() {
    running.delete(this.#child);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    killGroup(this.#child);
    await ended;
  }

  async close() {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Returns a file of deploy/ with some places replaced, each of which must exist. */
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
