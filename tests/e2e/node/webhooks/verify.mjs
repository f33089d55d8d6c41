// Verifies webhooks: `node verify.mjs SECRET`. One JSON line {"body", "headers"} a webhook comes in; one JSON line goes
// out: {"type"} when it is good, {"refused"} when it is not.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.argv[2]);
for await (const line of createInterface({ input: process.stdin })) {
  const { body, headers } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ type: webhook.verify(body, headers).type }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.message }));
  }
}
