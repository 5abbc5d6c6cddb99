// The time of a page load on a line of known speed, computed from what the page loads: round trips,
// bytes, and processor time of the page. A busy machine stretches measured times, and not these.
import { devtools } from './browser.mjs';

/** Records the loads of a page from now on. Returns a function that returns them so far. */
export async function recordLoads(page) {
  const cdp = await devtools(page);
  const loads = new Map();
  cdp.on('Network.requestWillBeSent', ({ requestId, request, timestamp }) =>
    loads.set(requestId, { url: request.url, start: timestamp, bytes: 0 }));
  cdp.on('Network.loadingFinished', ({ requestId, timestamp, encodedDataLength }) => {
    const load = loads.get(requestId);
    if (load) Object.assign(load, { end: timestamp, bytes: encodedDataLength });
  });
  await cdp.send('Network.enable');
  return () => [...loads.values()].filter(({ end }) => end !== undefined);
}

/**
 * Returns the time that `loads` take at a latency in ms and a speed in bytes a second: a round trip
 * for the connection, one for each load that had to wait for another, and the time of all bytes.
 */
export function networkMs(loads, { latency, downloadThroughput }) {
  const trips = new Map();
  for (const load of [...loads].sort((a, b) => a.start - b.start)) {
    const before = [...trips].filter(([earlier]) => earlier.end <= load.start);
    trips.set(load, 1 + Math.max(0, ...before.map(([, count]) => count)));
  }
  const bytes = loads.reduce((sum, load) => sum + load.bytes, 0);
  return (1 + Math.max(...trips.values())) * latency + (bytes / downloadThroughput) * 1000;
}
