// The commands of deploy/systemd/README.md: what they install is there, and the loop that restarts one instance after
// the other waits for each. systemctl is a stand-in that logs its arguments; the consoles are asked for real.

import { existsSync } from 'node:fs';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withTempDir } from '../support/brackets.js';
import { freePortsInRow } from '../support/fleet-process.js';
import { runTool, type ToolRun } from '../support/front-files.js';
import { findTool } from '../support/tools.js';
import { readSystemdFile, SYSTEMD_FOLDER } from '../support/unit-file.js';

const test = suite('deploy/systemd page');

const PAGE = readSystemdFile('README.md');
const BLOCKS = [...PAGE.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block as string);
const LOOP = BLOCKS.find((block) => block.includes('list-units')) as string;

test('every file that is installed or linked is in the folder, and every block is valid', async () => {
  let installed = 0;
  for (const [, file] of PAGE.matchAll(/install -D -m \d+ (\S+) /g)) {
    assert.ok(existsSync(join(SYSTEMD_FOLDER, file as string)), file);
    installed++;
  }
  assert.ok(installed > 5);
  for (const [, link] of PAGE.matchAll(/\]\((?!#)([^)]+)\)/g)) assert.ok(existsSync(join(SYSTEMD_FOLDER, link as string)), link);
  assert.ok(BLOCKS.length > 4);
  for (const block of BLOCKS) {
    const { code, output } = await runTool('/bin/sh', ['-n', '-c', block]);
    assert.is(code, 0, output);
  }
});

test('each file that names its place is installed there', async () => {
  const places = [...PAGE.matchAll(/^install -D -m \d+ (\S+) (\S+)$/gm)];
  let named = 0;
  for (const [, file = '', place] of places) {
    const [, own] = /^# (\/\S+?):? /.exec(readSystemdFile(file)) ?? [];
    if (own === undefined) continue;
    assert.is(own, place, file);
    named++;
  }
  assert.ok(named > 1, `${named} files name their place`);
});

/** Runs the loop with two instances; `broken` is the port of one that does not start again. Returns what systemctl was asked to restart. */
async function roll(ports: readonly number[], broken?: number): Promise<{ readonly run: ToolRun; readonly restarted: readonly string[] }> {
  return withTempDir(async (dir) => {
    const units = ports.map((port) => `meercat@${port}.service loaded active running Meercat`).join('\\n');
    const script = `#!/bin/sh
case "$1" in
  list-units) printf '${units}\\n' ;;
  restart) echo "$2" >> '${dir}/restarted'; [ "$2" != 'meercat@${broken}.service' ] ;;
esac
`;
    await writeFile(join(dir, 'systemctl'), script);
    await chmod(join(dir, 'systemctl'), 0o755);
    const run = await runTool('/bin/sh', ['-c', LOOP], { PATH: `${dir}:${process.env['PATH']}` });
    return { run, restarted: (await readFile(join(dir, 'restarted'), 'utf8')).trim().split('\n') };
  });
}

/** Consoles 1000 above the ports; each says not ready at first. Notes who was asked. */
async function withConsoles(ports: readonly number[], fn: (asked: readonly number[]) => Promise<void>): Promise<void> {
  const asked: number[] = [];
  const servers: Server[] = [];
  try {
    for (const port of ports) {
      const server = createServer((request, response) => {
        response.statusCode = request.url === '/.meercat/ready' && asked.includes(port) ? 200 : 503;
        asked.push(port);
        response.end();
      });
      servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port + 1000, '127.0.0.1', resolve));
    }
    await fn(asked);
  } finally {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

test('the loop restarts one instance after the other, each when the one before it is ready', async () => {
  if (findTool('curl', 'curl') === null) return;
  const first = await freePortsInRow(2);
  const ports = [first, first + 1];
  await withConsoles(ports, async (asked) => {
    const { run, restarted } = await roll(ports);
    assert.equal(
      restarted,
      ports.map((port) => `meercat@${port}.service`),
      run.output,
    );
    assert.equal(asked, [first, first, first + 1, first + 1]);
  });
});

test('the loop leaves the rest alone when one does not come back', async () => {
  if (findTool('curl', 'curl') === null) return;
  const first = await freePortsInRow(2);
  await withConsoles([first, first + 1], async (asked) => {
    assert.equal((await roll([first, first + 1], first)).restarted, [`meercat@${first}.service`]);
    assert.equal(asked, []);
  });
});

test.run();
