// Consecutive joins and leaves are one line that can be expanded and hidden.
import assert from 'node:assert/strict';
import { until } from '../support/until.mjs';
import { words } from '../support/words.mjs';
import { story } from '../support/world.mjs';

/** The ends of the lines about a join and a leave. */
const [[, joined], [, left]] = [words.joined, words.left];

const kinds = async (view) => (await view.lines()).map((line) => line.kind);

story('consecutive joins and leaves are one line that can be expanded', async (world) => {
  const view = await world.person('fold', 'Anna');
  const first = await world.bot('fold', 'Ben');
  await view.line('join', `Ben${joined}`);
  const names = ['Cy', 'Di', 'Ed', 'Flo'];
  for (const name of names) await world.bot('fold', name);
  await first.leave();
  await view.line('run', `Ben, Cy, Di${words.more_people(2)}${joined} · Ben${left}`);
  assert.deepEqual(await kinds(view), ['run'], 'one line for all of them');

  const toggle = view.page.locator('.run-toggle');
  assert.equal(await toggle.getAttribute('aria-expanded'), 'false');
  await toggle.click();
  assert.equal(await toggle.getAttribute('aria-expanded'), 'true');
  const single = view.page.locator('.run').locator('p');
  const lines = (await single.allTextContents()).map((text) => text.replace(/\s+\d\d:\d\d$/, ''));
  assert.deepEqual(lines, [...['Ben', ...names].map((name) => `${name}${joined}`), `Ben${left}`]);
  await toggle.click();
  assert.equal(await single.count(), 0);
});

story('a message or a rename ends a line of joins, and headings around it stay correct', async (world) => {
  const view = await world.person('ends', 'Anna');
  const ben = await world.bot('ends', 'Ben');
  const cy = await world.bot('ends', 'Cy');
  await view.line('run', `Ben, Cy${joined}`);
  await ben.say('one', 'two');
  await world.bot('ends', 'Di');
  await ben.say('three');
  cy.send('@changename:Cyrus');
  await view.line('changename', 'Cyrus');
  await cy.leave();
  await view.line('leave', 'Cyrus');
  assert.deepEqual(await kinds(view), ['run', 'join', 'changename', 'leave']);
  const heads = await view.log.evaluate((log) =>
    [...log.querySelectorAll('[data-row="message"]')].map((row) => row.matches('.head')));
  assert.deepEqual(heads, [true, false, true]);
});

story('joins and leaves can be hidden, and the choice survives a reload', async (world) => {
  const view = await world.person('hidden', 'Anna');
  const ben = await world.bot('hidden', 'Ben');
  await world.bot('hidden', 'Cy');
  await ben.say('one');
  await view.line('run', 'Ben, Cy');
  await view.page.locator('.run-toggle').click();
  await view.page.locator('.hide-lines').click();
  await until('no lines', async () => (await view.lines()).length === 0);
  await world.bot('hidden', 'Di');
  ben.send('@changename:Benjamin');
  await view.line('changename', 'Benjamin');
  assert.deepEqual(await kinds(view), ['changename'], 'renames stay');
  await view.reload();
  const ed = await world.bot('hidden', 'Ed');
  await ed.say('two');
  await view.shows('two');
  assert.deepEqual(await view.lines(), []);
});
