// README.md and docs/ as documents: the README is short and leads to every page, every link leads somewhere, and no
// paragraph is longer than five lines.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { brokenLink, linksOf, PAGES, paragraphsOf, readPage } from './support/documents.js';

const test = suite('docs: pages');

const MAX_README_LINES = 200;

/** Five lines of 120 characters; what links lead to is not read. */
const MAX_PARAGRAPH = 600;

test('the README has at most 200 lines and leads to every page', () => {
  const readme = readPage('README.md');
  assert.ok(readme.text.trimEnd().split('\n').length <= MAX_README_LINES);
  const linked = new Set(linksOf(readme).map((target) => target.split('#')[0]));
  const missing = PAGES.map(({ path }) => path).filter((path) => path !== 'README.md' && !linked.has(path));
  assert.equal(missing, [], 'pages that the README does not link');
  assert.ok(PAGES.length > 15);
});

test('every page opens with its title and what it answers', () => {
  for (const page of PAGES.filter(({ path }) => path !== 'README.md')) assert.match(page.text, /^# .+\n\nThis page answers/, page.path);
});

test('every link within the repository leads to a page, and to a heading of it', () => {
  assert.match(brokenLink(readPage('docs/http.md'), 'nowhere.md') ?? '', /there is no docs\/nowhere\.md/);
  assert.match(brokenLink(readPage('docs/http.md'), '../README.md#nowhere') ?? '', /no heading/);
  assert.is(brokenLink(readPage('docs/http.md'), '#forwarded'), undefined);
  const broken = PAGES.flatMap((page) => linksOf(page).flatMap((target) => brokenLink(page, target) ?? []));
  assert.equal(broken, []);
});

test('links lead only to what the package contains', () => {
  for (const page of PAGES)
    for (const target of linksOf(page)) assert.not.match(target, /^(?:\.\.\/)*(?:lib|bin|test|\.ci)\//, `${page.path}: ${target}`);
});

test('no paragraph is longer than five lines', () => {
  for (const page of PAGES)
    for (const paragraph of paragraphsOf(page)) {
      const { length } = paragraph.replaceAll(/\]\([^)]*\)/g, ']');
      assert.ok(length <= MAX_PARAGRAPH, `${page.path}: ${length} characters: ${paragraph.slice(0, 60)}…`);
    }
});

test.run();
