// What a page holds in memory.

const MEGABYTE = 1e6;

/** Nodes and megabytes that are in use after everything superfluous was thrown away. */
export async function memoryOf(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('HeapProfiler.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { nodes } = await cdp.send('Memory.getDOMCounters');
  const heap = await cdp.send('Runtime.getHeapUsage');
  await cdp.detach();
  // Objects of scripts, what the browser holds for them, and the memory of the compiled client.
  const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = heap;
  return { nodes, megabytes: (usedSize + embedderHeapUsedSize + backingStorageSize) / MEGABYTE };
}
