/**
 * `fetch`, without any library. `response.ok` is not enough: 203 is a 2xx, and means that the file is
 * stored and the application did not accept it (202, in upcall's gated buckets: not yet).
 */
const form = document.querySelector("form");
const output = document.querySelector("output");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    output.value = await upload(form.elements.file.files[0]);
  } catch (error) {
    output.value = `Nobody answered: ${error.message}`;
  }
});

async function upload(file) {
  const signed = await fetch(form.dataset.policyUrl, { cache: "no-store" });
  if (!signed.ok) return "The application server did not sign.";
  const { host, dir, policy, accessid, callback, signature } = await signed.json();

  const body = new FormData();
  body.append("key", dir + file.name);
  body.append("policy", policy);
  body.append("OSSAccessKeyId", accessid);
  body.append("success_action_status", "200");
  if (callback) body.append("callback", callback);
  body.append("signature", signature);
  body.append("file", file); // last: OSS reads nothing after it

  const answer = await fetch(host, { method: "POST", body });
  const text = await answer.text();
  if (answer.status === 200) return `Accepted: ${text}`;
  const error = new DOMParser().parseFromString(text, "application/xml");
  const words = error.querySelector("Message")?.textContent ?? text;
  const requestId = error.querySelector("RequestId")?.textContent ?? "unknown";
  const verdict = { 202: "Stored, not accepted yet", 203: "Stored, not accepted" }[answer.status] ?? "Refused";
  return `${verdict}: ${words} (request ${requestId})`;
}
