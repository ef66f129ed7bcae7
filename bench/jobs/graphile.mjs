// How graphile-worker takes jobs while they are added, and how soon one starts: `node graphile.mjs URL JOBS CONCURRENCY`, a
// database that nobody else uses.
//
// One runner works with CONCURRENCY workers at a task that does nothing, by graphile-worker's own defaults, while CONCURRENCY
// callers add the jobs one a call; then some are added one after the other, each when the last has started. What is
// printed is one line of JSON: jobs a second from the first call to the last job's end, and milliseconds from a call to
// its job's start. The packages come from NODE_PATH.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Logger, makeWorkerUtils, run } = require("graphile-worker");
const { Pool } = require("pg");

const TASK = "nothing";
const WARM_UP_JOBS = 100;
const STARTS = 300;
// What a job of ours is told too: whose media to make into what.
const PAYLOAD = {
  account: "2c8ab2ff-6f2a-4f50-9a2e-2a9d8a7c7f0f",
  media: "a9d2ad07-1a7e-4d3c-8b57-0c0a8f8c6b11",
  profile: "mp3",
};

const [url, jobs, concurrency] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
if (!url || !(jobs > 0) || !(concurrency > 0)) {
  throw new Error("graphile.mjs URL JOBS CONCURRENCY");
}

const silent = new Logger(() => () => {});
// A connection for each worker and each caller, and some for what the library does besides.
const pgPool = new Pool({ connectionString: url, max: 2 * concurrency + 2 });
const fail = (error) => {
  throw error;
};
pgPool.on("error", fail);
pgPool.on("connect", (client) => client.on("error", fail));
const worker = await makeWorkerUtils({ pgPool, logger: silent });
await worker.migrate();

let started = () => {};
const taskList = {
  [TASK]: async () => started(process.hrtime.bigint()),
};
const runner = await run({ pgPool, logger: silent, concurrency, noHandleSignals: true, taskList });

async function left() {
  const answer = await pgPool.query("select count(*)::int as left from graphile_worker.jobs");
  return answer.rows[0].left;
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function drain(count) {
  let open = count;
  const caller = async () => {
    while (open > 0) {
      open -= 1;
      await worker.addJob(TASK, PAYLOAD);
    }
  };
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: concurrency }, caller));
  while ((await left()) > 0) {
    await pause(5);
  }
  return count / (Number(process.hrtime.bigint() - began) / 1e9);
}

async function starts(count) {
  const waits = [];
  for (let nth = 0; nth < count; nth += 1) {
    const began = process.hrtime.bigint();
    const start = new Promise((resolve) => {
      started = resolve;
    });
    await worker.addJob(TASK, PAYLOAD);
    waits.push(Number((await start) - began) / 1e6);
    await pause(10);
  }
  return waits.sort((a, b) => a - b);
}

await drain(WARM_UP_JOBS);
const rate = await drain(jobs);
const waits = await starts(STARTS);
const at = (percent) => waits[Math.ceil((waits.length * percent) / 100) - 1];
console.log(JSON.stringify({ jobs: rate, start_p50_ms: at(50), start_p95_ms: at(95) }));
await runner.stop();
await worker.release();
await pgPool.end();
