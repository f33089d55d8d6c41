// The AWS SDK for JavaScript, version 3: `node sdk.mjs ENDPOINT`. The verb is `call`: an operation, and its input.
import * as sdk from "@aws-sdk/client-cognito-identity-provider";
import { serve } from "./lines.mjs";

const [endpoint] = process.argv.slice(2);
const client = new sdk.CognitoIdentityProviderClient({ region: "eu-central-1", endpoint });

await serve({
  async call({ operation, members }) {
    const { $metadata, ...answer } = await client.send(new sdk[`${operation}Command`](members));
    if (!$metadata.requestId) throw new Error("no request id");
    return answer;
  },
});
