// The commands in README.md and docs/ against the command line itself: every flag of every command is in its table of
// docs/flags.md with its default, and every call of `meercat` in an example is one that the command line takes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { codeIn, DEPLOY_PAGES, meercatCallsIn, PAGES, readPage, tableBelow } from './support/documents.js';
import { commandsInHelp, flagsInHelp, wrongCall } from './support/help.js';

const test = suite('docs: commands');

const FLAGS = readPage('docs/flags.md');

test('every command has a section, and is in the list of commands', async () => {
  const commands = await commandsInHelp();
  assert.ok(commands.length > 8);
  const listed = tableBelow(FLAGS, '# Commands and flags').map(([cell = '']) => codeIn(cell)[0]);
  assert.equal(listed.toSorted(), commands.map((name) => `meercat ${name}`).toSorted());
  for (const name of commands) assert.ok(FLAGS.text.includes(`\n## \`meercat ${name}\`\n`), name);
});

test('every flag of every command is in its table, with the default that its help shows', async () => {
  // The balancer's table is compared with the configuration, in docs.test.ts.
  for (const command of (await commandsInHelp()).filter((name) => name !== 'balancer')) {
    // oxlint-disable-next-line no-await-in-loop -- it prints, one after the other
    const flags = await flagsInHelp(command);
    assert.ok(flags.length > 0, command);
    assert.equal(
      tableBelow(FLAGS, `## \`meercat ${command}\``).map(([first = '', shown]) => [codeIn(first)[0], shown]),
      flags.map((flag) => [flag.flags, flag.shown === '' ? '–' : flag.shown]),
      command,
    );
  }
});

test('a wrong call is noticed: command, flag and value', async () => {
  assert.match(await wrongCall(['balance']), /no command balance/);
  assert.match(await wrongCall(['agent', '--colour', 'red']), /meercat agent has no --colour/);
  assert.match(await wrongCall(['balancer', '--port', 'http']), /--port/);
  assert.is(await wrongCall(['balancer', '--port', '80']), '');
});

test('no document installs a package of our name from a registry, where anybody could publish one', () => {
  const NAMED = /\bnpm (?:i|install|add|exec|x)\b[^\n`|;&]*\s(?:-g\s+)?meercat(?:@\S*)?(?=[\s`]|$)/m;
  for (const text of ['npm install -g --prefix /usr/local meercat', 'npm i meercat@0.2.0', '`npm install meercat`'])
    assert.match(text, NAMED);
  for (const text of ['npm install -g ./meercat-0.1.0.tgz', 'npm install /tmp/meercat-0.1.0.tgz']) assert.not.match(text, NAMED);
  assert.ok(DEPLOY_PAGES.length > 5);
  for (const { path, text } of [...PAGES, ...DEPLOY_PAGES]) assert.not.match(text, NAMED, path);
});

test('what gets signals is not started by npx, which does not pass them on', () => {
  const BY_NPX = /\bnpx meercat (?:agent|balancer)\b/;
  assert.match('npx meercat agent --url http://10.0.0.7:3000', BY_NPX);
  for (const { path, text } of [...PAGES, ...DEPLOY_PAGES]) assert.not.match(text, BY_NPX, path);
});

test('every call of meercat in an example is one that the command line takes', async () => {
  let tried = 0;
  for (const page of PAGES) {
    for (const args of meercatCallsIn(page)) {
      // oxlint-disable-next-line no-await-in-loop -- it prints, one after the other
      assert.is(await wrongCall(args), '', `${page.path}: meercat ${args.join(' ')}`);
      tried++;
    }
  }
  assert.ok(tried > 10, `${tried} calls were found`);
  // However it is started.
  assert.ok(meercatCallsIn(readPage('README.md')).some(([command]) => command === 'balancer'));
});

test.run();
