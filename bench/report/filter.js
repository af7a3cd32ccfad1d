(function () {
  "use strict";
  var form = document.getElementById("filter");
  var claims = Array.prototype.slice.call(document.querySelectorAll("details.claim"));
  var words = claims.map(function (c) { return c.textContent.toLowerCase(); });
  var folds = Array.prototype.slice.call(document.querySelectorAll("details.fold"));
  var groups = Array.prototype.slice.call(document.querySelectorAll("section.group"));
  form.hidden = false;
  form.addEventListener("submit", function (e) { e.preventDefault(); });
  form.addEventListener("input", function () {
    var text = form.elements.text.value.trim().toLowerCase();
    var verdict = form.elements.verdict.value;
    var family = form.elements.family.value;
    var asked = text !== "" || verdict !== "" || family !== "";
    var n = 0;
    claims.forEach(function (c, i) {
      var hit = words[i].indexOf(text) >= 0 && (verdict === "" || c.dataset.verdict === verdict) && (family === "" || c.dataset.family === family);
      c.hidden = !hit;
      if (hit) { n++; }
    });
    groups.forEach(function (g) { g.hidden = !g.querySelector("details.claim:not([hidden])"); });
    folds.forEach(function (f) { f.open = asked; });
    form.querySelector("output").textContent = asked ? n + " of " + claims.length + " claims" : "";
  });
  function reveal() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var e = target; e; e = e.parentElement) { if (e.tagName === "DETAILS") { e.open = true; } }
    if (target) { target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", reveal);
  if (location.hash) { reveal(); }
})();
