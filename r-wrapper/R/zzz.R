.onLoad <- function(libname, pkgname) {
  # Newer releases of reticulate prepare a Python with what packages declare; nothing starts here.
  if ("py_require" %in% getNamespaceExports("reticulate")) {
    declare <- getExportedValue("reticulate", "py_require")
    declare(paste0("countglm>=", .needed_version))
  }
}
