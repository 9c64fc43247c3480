// The token: from the address's fragment or asked once, and kept for this tab only.

const KEY = "nearcast-token";
const dialog = document.getElementById("token");
const form = dialog.querySelector("form");
let asking = null;

export function known() {
  return sessionStorage.getItem(KEY);
}

// Resolves with the token, or with null when the user does not want to give one.
export function ask(why, wrong = false) {
  asking ??= new Promise((resolve) => {
    dialog.classList.toggle("wrong", wrong);
    document.getElementById("token-why").textContent = why;
    form.reset();
    dialog.returnValue = "";
    dialog.showModal();
    dialog.addEventListener(
      "close",
      () => {
        asking = null;
        const given = dialog.returnValue === "use" ? form.elements.token.value.trim() : "";
        form.reset();
        if (given) sessionStorage.setItem(KEY, given);
        resolve(given || null);
      },
      { once: true },
    );
  });
  return asking;
}

// Asks only when no token is known.
export async function needed(why) {
  return known() ?? (await ask(why));
}

export function refused(token) {
  if (known() === token) sessionStorage.removeItem(KEY);
}

function takeFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  sessionStorage.setItem(KEY, given);
}

for (const button of form.querySelectorAll("button[type=button]")) {
  button.addEventListener("click", () => dialog.close(""));
}
addEventListener("hashchange", takeFromAddress);
takeFromAddress();
