// A program that does what it is told, a line at a time: ["verb", {given}] comes in, {"value"} or {"refused"} goes out.
import { createInterface } from "node:readline";

export async function serve(verbs) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [verb, given] = JSON.parse(line);
    try {
      console.log(JSON.stringify({ value: (await verbs[verb](given)) ?? {} }));
    } catch (error) {
      console.log(JSON.stringify({ refused: error.name ?? error.code, said: String(error.message), status: error.$metadata?.httpStatusCode }));
    }
  }
}
