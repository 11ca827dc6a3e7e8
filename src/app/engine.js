// The second wasm, which the page asks for when it first needs it: petaday.load() fetches it, keeps it as petaday.engine
// and tells the window. The single file has another petaday.fetch: see tools/single.mjs.
var petaday = {
  fetch: function () {
    return new Promise(function (done, failed) {
      var script = document.createElement("script");
      script.src = "petaday-engine.js";
      script.onload = function () { done("petaday-engine_bg.wasm"); };
      script.onerror = failed;
      document.head.append(script);
    });
  },
  load: function () {
    petaday.fetch()
      .then(function (wasm) { return wasm_bindgen({ module_or_path: wasm }); })
      .then(function () {
        petaday.engine = wasm_bindgen;
        document.head.append(Object.assign(document.createElement("style"), { textContent: wasm_bindgen.style() }));
      })
      .catch(function () {})
      .then(function () { dispatchEvent(new Event("petaday-engine")); });
  }
};

// A configuration file that is dropped or chosen is put into the field where one is pasted: at most as much as is read.
(function () {
  function read(event, files) {
    var place = event.target.closest && event.target.closest(".import");
    if (!place) return;
    event.preventDefault();
    if (!files || !files[0]) return;
    files[0].slice(0, 1048577).text().then(function (text) {
      var field = place.querySelector("textarea");
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  addEventListener("dragover", function (event) { read(event); });
  addEventListener("drop", function (event) { read(event, event.dataTransfer.files); });
  addEventListener("change", function (event) { read(event, event.target.files); });
})();
