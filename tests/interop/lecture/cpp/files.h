// Certificates and keys come in files.
#pragma once

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

inline std::string ReadFile(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error(std::string("Cannot read ") + path);
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}
