# frozen_string_literal: true

# For any rack server: `puma`, `rackup` …

require_relative 'app'

run UploadServer.new
