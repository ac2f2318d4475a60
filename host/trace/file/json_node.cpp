// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/file/json_node.hpp"

#include <algorithm>
#include <cmath>

#include "host/output/json_text.hpp"
#include "vdev/os/text.hpp"

namespace bellwire::view {
namespace {

// No control characters: neither ASCII's, nor those that UTF-8 begins with 0xc2 (C1).
bool printable(std::string_view text) {
  const auto control = [](unsigned char byte) { return byte < ' ' || byte == 0x7f; };
  if (std::ranges::any_of(text, control)) return false;
  for (auto place = text.find('\xc2'); place < text.size() - 1;
       place = text.find('\xc2', place + 1))
    if (static_cast<unsigned char>(text[place + 1]) < 0xa0) return false;
  return true;
}

}  // namespace

bool fits_line(std::string_view text) {
  return !text.empty() && text.size() <= longest_line && printable(text);
}

JsonNode JsonNode::at(std::string_view key) const {
  const auto* const object = value_->if_object();
  if (object == nullptr) refuse("an object");
  const auto* const found = object->if_contains(key);
  const auto place = place_.empty() ? std::string(key) : text("{}.{}", place_, key);
  if (found == nullptr) throw Malformed(text("{} is missing", place));
  return JsonNode(*found, place);
}

bool JsonNode::has(std::string_view key) const {
  const auto* const object = value_->if_object();
  return object != nullptr && object->contains(key);
}

JsonNode JsonNode::at(std::size_t index) const {
  return JsonNode(value_->as_array()[index], text("{}[{}]", place_, index));
}

std::size_t JsonNode::size() const {
  const auto* const array = value_->if_array();
  if (array == nullptr) refuse("an array");
  return array->size();
}

double JsonNode::number(double least) const {
  boost::system::error_code error;
  const auto number = value_->to_number<double>(error);
  if (error || !std::isfinite(number)) refuse("a number");
  if (number < least) refuse(text("{} or more", least));
  return number;
}

std::optional<double> JsonNode::number_or_null() const {
  if (value_->is_null()) return std::nullopt;
  if (!value_->is_number()) refuse("a number or null");
  return number();
}

std::uint64_t JsonNode::whole(std::uint64_t most) const {
  boost::system::error_code error;
  const auto number = value_->to_number<std::uint64_t>(error);
  if (error || number > most) refuse(text("a whole number from 0 to {}", most));
  return number;
}

bool JsonNode::truth() const {
  const auto* const truth = value_->if_bool();
  if (truth == nullptr) refuse("true or false");
  return *truth;
}

std::string JsonNode::line() const {
  const auto* const string = value_->if_string();
  if (string == nullptr || !fits_line(*string))
    refuse(text("a line of 1 to {} bytes, without control characters", longest_line));
  return std::string(*string);
}

std::optional<std::string> JsonNode::line_or_null() const {
  if (value_->is_null()) return std::nullopt;
  return line();
}

void JsonNode::refuse(std::string_view wanted) const {
  throw Malformed(text("{} is {}: it should be {}", place_.empty() ? "the file" : place_, shown(),
                       std::string(wanted)));
}

std::string JsonNode::shown() const {
  constexpr std::size_t enough = 40;
  if (value_->is_object()) return "an object";
  if (value_->is_array()) return "an array";
  const auto* const string = value_->if_string();
  if (string != nullptr && !printable(*string)) return "a text with control characters";
  auto all = host::json_text(*value_);
  return all.size() <= enough ? all : text("a text of {} bytes", all.size());
}

}  // namespace bellwire::view
