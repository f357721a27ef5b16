// Light, dark, or as the system has it; remembered where the browser allows it.
const THEMES = ["system", "light", "dark"];
const THEME_KEY = "nnunetv2_cipa report theme";

function storedTheme() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {
    return null; // no storage for files in this browser
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = `Theme: ${theme}`;
}

function nextTheme() {
  const next = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  setTheme(next);
  try {
    localStorage.setItem(THEME_KEY, next);
  } catch {
    return; // it holds for this visit
  }
}
