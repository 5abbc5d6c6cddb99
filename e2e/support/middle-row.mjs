// Watching the row in the middle of the message list: new rows must not move what is read.
import assert from 'node:assert/strict';
import { EYE_PX } from './sizes.mjs';
import { until } from './until.mjs';

/**
 * Watches the message in the middle of the view, frame by frame, until `stop()`, which returns
 * `{ id, drift, frames }`. `drift` is the most that its text moved, in CSS pixels, and Infinity if it
 * was removed.
 */
export async function watchMiddleRow(log) {
  const watcher = await log.evaluateHandle(watch);
  const stop = async () => {
    const seen = await watcher.evaluate((watcher) => watcher.frames);
    await until('two more frames', () =>
      watcher.evaluate((watcher, seen) => watcher.frames > seen + 2, seen));
    const { id, drift, frames } = await watcher.evaluate((watcher) => {
      watcher.isOn = false;
      // JSON has no Infinity.
      return { ...watcher, drift: String(watcher.drift) };
    });
    return { id, drift: Number(drift), frames };
  };
  return {
    stop,
    /** Stops, and fails if the row has moved. Returns its id. */
    async assertStill() {
      const { id, drift } = await stop();
      assert.ok(drift <= EYE_PX, `row ${id}, under the reader's eye, moved by ${drift} px`);
      return id;
    },
  };
}

/** Runs in the page. */
function watch(log) {
  const view = log.getBoundingClientRect();
  const middle = view.top + view.height / 2;
  const rows = [...log.querySelectorAll('[data-row="message"][data-id]')];
  const row = rows.find((row) => row.getBoundingClientRect().bottom > middle) ?? rows.at(-1);
  const { id } = row.dataset;
  // The text, because the row loses its heading if the page above ends with the same author.
  const topOf = (row) => row.querySelector('.text').getBoundingClientRect().top;
  const start = topOf(row);
  const watcher = { id: Number(id), drift: 0, frames: 0, isOn: true };
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    // A redrawn row is the same to the reader.
    const now = log.querySelector(`[data-row="message"][data-id="${id}"]`);
    const moved = now ? Math.abs(topOf(now) - start) : Infinity;
    watcher.drift = Math.max(watcher.drift, moved);
    watcher.frames += 1;
    if (watcher.isOn) requestAnimationFrame(after);
  };
  // A message posted in a frame arrives after the frame has been laid out and painted.
  const after = () => channel.port2.postMessage(null);
  requestAnimationFrame(after);
  return watcher;
}
