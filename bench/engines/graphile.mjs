// How many jobs a second graphile-worker takes: `node graphile.mjs URL JOBS CONCURRENCY`, a database that nobody else uses.
//
// The jobs are added one a call, CONCURRENCY calls at a time, and then run by one process with CONCURRENCY workers and a
// task that does nothing, all by graphile-worker's own defaults. What is printed is one line of JSON: jobs a second of
// both steps, and of the two one after the other. The packages come from NODE_PATH.

import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { Logger, makeWorkerUtils, runOnce } = require("graphile-worker");
const { Pool } = require("pg");

const TASK = "nothing";
const WARM_UP_JOBS = 100;
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
// A connection for each worker and one for what the library does besides.
const pgPool = new Pool({ connectionString: url, max: concurrency + 1 });
const fail = (error) => {
  throw error;
};
pgPool.on("error", fail);
pgPool.on("connect", (client) => client.on("error", fail));
const worker = await makeWorkerUtils({ pgPool, logger: silent });

async function add(count) {
  let left = count;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      await worker.addJob(TASK, PAYLOAD);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
}

async function run(count) {
  let done = 0;
  const taskList = {
    [TASK]: async () => {
      done += 1;
    },
  };
  await runOnce({ pgPool, logger: silent, concurrency, noHandleSignals: true, taskList });
  if (done !== count) {
    throw new Error(`${done} jobs ran instead of ${count}`);
  }
}

async function seconds(step) {
  const began = process.hrtime.bigint();
  await step();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

await worker.migrate();
await add(WARM_UP_JOBS);
await run(WARM_UP_JOBS);
const enqueue = await seconds(() => add(jobs));
const work = await seconds(() => run(jobs));
console.log(JSON.stringify({ enqueue: jobs / enqueue, work: jobs / work, whole: jobs / (enqueue + work) }));
await worker.release();
await pgPool.end();
