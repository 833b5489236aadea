/**
 * For mini-programs (`wx`; others that have `request` and `uploadFile` go into `api`): asks for a
 * policy of either generation, sends one file, resolves with how it ended. The name in the bucket is
 * a random one: a mini-program's files have names of its own making.
 */
export async function uploadFile({ policyUrl, filePath, fields = {}, onProgress, api = wx }) {
  const signed = await new Promise((success, fail) => api.request({ url: policyUrl, success, fail }));
  if (signed.statusCode !== 200 || !signed.data.host) return { kind: "refused", status: signed.statusCode, message: "not signed" };
  const { host, dir, callback, security_token: token, ...policy } = signed.data;
  const dot = filePath.lastIndexOf(".");
  const suffix = dot > filePath.lastIndexOf("/") ? filePath.slice(dot) : "";
  const formData = { key: dir + randomName() + suffix, ...fieldsOf(policy), success_action_status: "200", ...fields };
  if (token) formData["x-oss-security-token"] = token;
  if (callback) formData.callback = callback;
  const { statusCode: status, data } = await new Promise((success, fail) => {
    const task = api.uploadFile({ url: host, filePath, name: "file", formData, success, fail });
    if (onProgress) task.onProgressUpdate(({ progress }) => onProgress(progress));
  });
  if (status >= 200 && status < 300 && status !== 202 && status !== 203) return { kind: "accepted", answer: data };
  const [message, requestId] = ["Message", "RequestId"].map((name) => data.split(`<${name}>`)[1]?.split("<")[0] ?? null);
  // 203: it is in the bucket, and the application did not accept it. 202: the server goes on asking.
  return { kind: { 202: "pending", 203: "storedNotAccepted" }[status] ?? "refused", status, message, requestId };
}

function fieldsOf({ policy, signature, accessid, version, x_oss_signature_version, x_oss_credential, x_oss_date }) {
  if (!x_oss_credential) return { policy, OSSAccessKeyId: accessid, signature };
  const names = { "x-oss-signature-version": version ?? x_oss_signature_version, "x-oss-date": x_oss_date };
  return { policy, "x-oss-signature": signature, "x-oss-credential": x_oss_credential, ...names };
}

function randomName() {
  const letters = "ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678";
  return Array.from({ length: 10 }, () => letters[Math.floor(Math.random() * letters.length)]).join("");
}
