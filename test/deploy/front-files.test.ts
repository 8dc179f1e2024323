// The files of deploy/front are accepted by the programs that read them, a wrong one is not, and what the page says
// of their timers is what stands in them. front-run.test.ts runs those that need no network of their own.

import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withTempDir } from '../support/brackets.js';
import { copyFront, FRONT_FOLDER, frontFile, runTool } from '../support/front-files.js';
import { findTool } from '../support/tools.js';
import { parseUnit } from '../support/unit-file.js';

const test = suite('deploy/front files');

test('keepalived accepts both files, and not one with a wrong word', () =>
  withTempDir(async (dir) => {
    const keepalived = findTool('keepalived', 'keepalived');
    // It takes no loopback interface.
    const device = readdirSync('/sys/class/net').find((name) => name !== 'lo');
    if (keepalived === null || device === undefined) return;
    const check = async (text: string): Promise<string> => {
      const file = join(dir, 'keepalived.conf');
      await writeFile(file, text);
      const { output } = await runTool(keepalived, ['-t', '-f', file]);
      // Its exit code is of no use: 2.2.7 ends its own test by SIGTERM. The script is not installed here.
      return output
        .split('\n')
        .filter((line) => line.includes(file) || line.includes('onfiguration'))
        .filter((line) => !line.includes('meercat-ready'))
        .join('\n');
    };
    for (const name of ['a', 'b']) assert.is(await check(frontFile(`keepalived/${name}.conf`, [['eth0', device]])), '', name);
    assert.match(
      await check(
        frontFile('keepalived/a.conf', [
          ['eth0', device],
          ['advert_int', 'advart_int'],
        ]),
      ),
      'advart_int',
    );
  }));

test("keepalived's files mirror each other, and one failed check takes the other machine's place", () => {
  const valuesOf = (name: string, key: string): string[] =>
    [...frontFile(`keepalived/${name}.conf`).matchAll(new RegExp(`^ *${key} +(\\S+)`, 'gm'))].map(([, value]) => value as string);
  for (const key of ['virtual_router_id', 'advert_int', 'interval', 'timeout', 'fall', 'rise', 'weight', 'interface'])
    assert.equal(valuesOf('a', key), valuesOf('b', key), key);
  const [priorities, others] = [valuesOf('a', 'priority').map(Number), valuesOf('b', 'priority').map(Number)];
  assert.equal(priorities, others.toReversed());
  const weight = Number(valuesOf('a', 'weight')[0]);
  const [high, low] = priorities as [number, number];
  assert.ok(high + weight < low, 'a machine that is not ready comes after one that is');
  assert.ok(low + weight > 0 && low + weight < high + weight, 'with both not ready the order stays');
  assert.equal(valuesOf('a', 'unicast_src_ip').concat(valuesOf('b', 'unicast_src_ip')), [
    '10.0.0.11',
    '10.0.0.11',
    '10.0.0.12',
    '10.0.0.12',
  ]);
  const addresses = (name: string): string[] => frontFile(`keepalived/${name}.conf`).match(/10\.0\.0\.10\d\/24/g) ?? [];
  assert.equal(addresses('a'), addresses('b'));
});

test('named-checkzone loads the zone, and not one without a name server', () =>
  withTempDir(async (dir) => {
    const zone = frontFile('dns/example.com.zone');
    const [first, ...more] = zone.match(/^www .*$/gm) ?? [];
    assert.ok(first?.startsWith('www   30 IN A') && more.length === 2, 'several addresses with a short TTL');
    const checkzone = findTool('named-checkzone', 'bind9-utils');
    if (checkzone === null) return;
    const check = async (text: string): Promise<number | null> => {
      await writeFile(join(dir, 'zone'), text);
      return (await runTool(checkzone, ['example.com', join(dir, 'zone')])).code;
    };
    assert.is(await check(zone), 0);
    assert.is(await check(zone.replaceAll(/^.* IN NS .*$/gm, '')), 1);
  }));

test('gdnsd accepts its folder, and not one with a wrong check', () =>
  withTempDir(async (dir) => {
    const gdnsd = findTool('gdnsd', 'gdnsd');
    if (gdnsd === null) return;
    copyFront('dns/gdnsd', dir);
    const { code, output } = await runTool(gdnsd, ['-c', dir, 'checkconf']);
    assert.is(code, 0, output);
    assert.not.match(output, /warning|error/i);
    await writeFile(join(dir, 'config'), frontFile('dns/gdnsd/config', [['http_status', 'http_stratus']]));
    assert.not.equal((await runTool(gdnsd, ['-c', dir, 'checkconf'])).code, 0);
  }));

test('BIRD accepts its file, whose route is disabled until somebody says otherwise, and not one with a wrong word', () =>
  withTempDir(async (dir) => {
    assert.match(frontFile('anycast/bird.conf'), /protocol static meercat_anycast \{\n {2}disabled;/);
    const bird = findTool('bird', 'bird2');
    if (bird === null) return;
    assert.is((await runTool(bird, ['-p', '-c', join(FRONT_FOLDER, 'anycast/bird.conf')])).code, 0);
    await writeFile(join(dir, 'bird.conf'), frontFile('anycast/bird.conf', [['hold time', 'holt time']]));
    assert.is((await runTool(bird, ['-p', '-c', join(dir, 'bird.conf')])).code, 1);
  }));

test('systemd-analyze finds nothing wrong with the unit of meercat-anycast', () =>
  withTempDir(async (dir) => {
    const text = frontFile('anycast/meercat-anycast.service', [['/usr/local/bin/meercat-anycast', process.execPath]]);
    assert.is(parseUnit(text).one('Service', 'Restart'), 'always');
    const analyze = findTool('systemd-analyze', 'systemd');
    if (analyze === null) return;
    await writeFile(join(dir, 'meercat-anycast.service'), text);
    const { code, output } = await runTool(analyze, ['verify', join(dir, 'meercat-anycast.service')]);
    // BIRD and ip need not be installed here.
    assert.equal(
      output.split('\n').filter((line) => line !== '' && !/bird\.service|birdc|\/sbin\/ip /.test(line)),
      [],
    );
    assert.ok(code === 0 || output !== '');
  }));

test('the scripts are valid, executable, and named by the files that run them', async () => {
  for (const name of ['meercat-ready', 'anycast/meercat-anycast']) {
    const { code, output } = await runTool('/bin/sh', ['-n', join(FRONT_FOLDER, name)]);
    assert.is(code, 0, output);
    assert.is((await runTool(join(FRONT_FOLDER, name), [])).code, 2, `${name} without a port`);
  }
  assert.match(frontFile('keepalived/a.conf'), '"/usr/local/bin/meercat-ready 9080"');
  assert.match(frontFile('anycast/meercat-anycast'), /if meercat-ready "\$@"/);
});

test('HAProxy and nginx accept their files, and not ones with a wrong word', () =>
  withTempDir(async (dir) => {
    const haproxy = findTool('haproxy', 'haproxy');
    if (haproxy !== null) {
      assert.is((await runTool(haproxy, ['-c', '-f', join(FRONT_FOLDER, 'l4/haproxy.cfg')])).code, 0);
      await writeFile(join(dir, 'haproxy.cfg'), frontFile('l4/haproxy.cfg', [['httpchk', 'httpchuck']]));
      assert.is((await runTool(haproxy, ['-c', '-f', join(dir, 'haproxy.cfg')])).code, 1);
    }
    const nginx = findTool('nginx', 'nginx-light');
    const stream = findTool('/usr/lib/nginx/modules/ngx_stream_module.so', 'libnginx-mod-stream');
    if (nginx === null || stream === null) return;
    const check = async (text: string): Promise<number | null> => {
      await writeFile(join(dir, 'nginx.conf'), text);
      return (await runTool(nginx, ['-t', '-q', '-c', join(dir, 'nginx.conf'), '-g', `pid ${dir}/pid;`])).code;
    };
    assert.is(await check(frontFile('l4/nginx.conf')), 0);
    assert.is(await check(frontFile('l4/nginx.conf', [['least_conn', 'least_con']])), 1);
  }));

test('what the page derives its figures from stands in the files', () => {
  const page = frontFile('README.md');
  const timers: readonly (readonly [file: string, line: RegExp, said: string])[] = [
    ['keepalived/a.conf', /^ {2}interval 1$/m, '`interval 1`, `fall 2`'],
    ['keepalived/a.conf', /^ {2}fall 2$/m, '`interval 1`, `fall 2`'],
    ['keepalived/a.conf', /^ {2}advert_int 0\.25$/m, '3 × 0.25 + (256 − 150) / 256 × 0.25 = 0.85 s'],
    ['dns/gdnsd/config', /interval => 2\n/, '2 × 2 = 4 s'],
    ['dns/gdnsd/config', /down_thresh => 2\n/, '2 × 2 = 4 s'],
    ['dns/gdnsd/zones/example.com', /^www {3}30\/15 DYNA/m, '`30/15` in gdnsd'],
    ['anycast/bird.conf', /interval 300 ms;\n {4}multiplier 3;/, 'BFD 300 ms × 3'],
    ['anycast/bird.conf', /hold time 9;/, '`hold time 9`'],
    ['l4/haproxy.cfg', /timeout connect 2s/, '`timeout connect 2s`'],
    ['l4/haproxy.cfg', /timeout check 1s\n(.*\n)?.*inter 1s fall 2/, '2 × 1 + 1 = 3 s'],
    ['l4/haproxy.cfg', /srvtcpka-intvl 3s\n {2}srvtcpka-cnt 3/, '`srvtcpka-idle 10s`, 3 × 3 s'],
    ['l4/nginx.conf', /proxy_connect_timeout 1s;/, '`proxy_connect_timeout 1s`'],
    ['l4/nginx.conf', /max_fails=1 fail_timeout=5s/, '`fail_timeout=5s`'],
  ];
  for (const [file, line, said] of timers) {
    assert.match(frontFile(file), line);
    assert.ok(page.includes(said), said);
  }
  for (const [, link] of page.matchAll(/\]\((?!#)([^)]+)\)/g)) assert.ok(existsSync(join(FRONT_FOLDER, link as string)), link);
});

test.run();
