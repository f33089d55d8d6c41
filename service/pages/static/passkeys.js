// Passkeys. A button [data-passkey] asks the browser for one, puts the answer into the field `credential` of its form, and
// sends the form as any other. Buttons stay hidden where the browser, or the address of this page, cannot have passkeys.
const known = globalThis.PublicKeyCredential;
const can = known?.parseRequestOptionsFromJSON && known?.parseCreationOptionsFromJSON && known.prototype.toJSON;

for (const button of document.querySelectorAll("button[data-passkey]")) {
  const site = button.dataset.passkey;
  button.hidden = !can || (location.hostname !== site && !location.hostname.endsWith(`.${site}`));
  button.onclick = () => use(button);
  const words = wordsOf(button.form);
  if (button.hidden) words.textContent = words.dataset.impossible ?? "";
}

function wordsOf(form) {
  return form.querySelector("[data-failed]");
}

async function use(button) {
  const { form } = button;
  const { code, credential } = form.elements;
  const words = wordsOf(form);
  if (code) code.required = false;
  if (!form.reportValidity()) {
    if (code) code.required = true;
    return;
  }
  button.disabled = true;
  words.textContent = "";
  try {
    credential.value = JSON.stringify(await answerOf(button));
    form.requestSubmit();
    credential.value = ""; // not there any more for whoever comes back to the page
  } catch (error) {
    words.textContent = error.words ?? words.dataset.failed;
    if (code) code.required = true;
  }
  button.disabled = false;
}

// With options in the page a new passkey is made, otherwise one that there is is asked for.
async function answerOf(button) {
  const { options } = button.dataset;
  if (options) {
    const publicKey = known.parseCreationOptionsFromJSON(JSON.parse(options));
    return (await navigator.credentials.create({ publicKey })).toJSON();
  }
  const answer = await fetch("/sign-in/passkey-options", { method: "POST", body: new URLSearchParams() });
  const read = await answer.json();
  if (!answer.ok) throw read;
  const publicKey = known.parseRequestOptionsFromJSON(read);
  return (await navigator.credentials.get({ publicKey })).toJSON();
}
