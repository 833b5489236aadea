/**
 * A plain form, without any library: the browser itself posts it and then shows the storage server's
 * answer, which is the application's JSON, or XML that says why not (`CallbackFailed`: the file is
 * stored, but the application did not accept it).
 */
const form = document.querySelector("form");
const output = document.querySelector("output");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  // Asked for when it is needed: a policy is good for minutes, and this page may be open for hours.
  const signed = await askPolicy().catch(() => null);
  // An action that is no address of the web would be a program (`javascript:`).
  if (!/^https?:\/\//.test(signed?.host)) {
    output.textContent = "The application server did not sign.";
    return;
  }
  const { host, dir, policy, accessid, callback, signature } = signed;
  const fields = {
    key: `${dir}\${filename}`, // the storage server puts the file's name in
    policy,
    OSSAccessKeyId: accessid,
    success_action_status: "200",
    ...(callback ? { callback } : {}),
    signature,
  };
  for (const hidden of form.querySelectorAll("input[type=hidden]")) hidden.remove();
  const inputs = Object.entries(fields).map(([name, value]) =>
    Object.assign(document.createElement("input"), { type: "hidden", name, value }),
  );
  form.prepend(...inputs);
  form.action = host;
  form.submit(); // does not fire `submit` again
});

async function askPolicy() {
  const response = await fetch(form.dataset.policyUrl, { cache: "no-store" });
  return response.ok ? response.json() : null;
}
