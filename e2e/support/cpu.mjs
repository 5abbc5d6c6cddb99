// The work of a page, as processor time: other programs on the machine hardly change it.
import { devtools } from './browser.mjs';

/** Returns a function that returns the processor time of the page's main thread so far, in ms. */
export async function cpuTimeOf(page) {
  const cdp = await devtools(page);
  await cdp.send('Performance.setTimeDomain', { timeDomain: 'threadTicks' });
  await cdp.send('Performance.enable');
  return async () => {
    const { metrics } = await cdp.send('Performance.getMetrics');
    return metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
  };
}
