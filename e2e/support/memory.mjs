// The memory of a page.

const MEGABYTE = 1e6;

/** Returns the nodes and megabytes in use after a garbage collection. */
export async function memoryOf(page) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('HeapProfiler.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { nodes } = await cdp.send('Memory.getDOMCounters');
  const heap = await cdp.send('Runtime.getHeapUsage');
  await cdp.detach();
  // Objects of scripts, the browser's memory for them, and the memory of the client.
  const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = heap;
  return { nodes, megabytes: (usedSize + embedderHeapUsedSize + backingStorageSize) / MEGABYTE };
}
