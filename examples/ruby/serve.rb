# frozen_string_literal: true

# Runs the application under WEBrick, says when it is ready, and ends well on SIGTERM.

require 'rack'
require 'webrick'
begin
  require 'rackup/handler/webrick' # rack 3
  handler = Rackup::Handler::WEBrick
rescue LoadError
  require 'rack/handler/webrick'
  handler = Rack::Handler::WEBrick
end
require_relative 'app'

# WEBrick has the whole body in memory before the application is asked. The application refuses
# from 1 MiB on, in words; this is for what is not even worth reading.
MAX_BODY_BYTES = 2 * 1024 * 1024
refuse_large = lambda do |request, _response|
  raise WEBrick::HTTPStatus::LengthRequired if request['transfer-encoding']

  length = request['content-length'].to_i
  raise WEBrick::HTTPStatus::RequestEntityTooLarge if length > MAX_BODY_BYTES
end

begin
  port = ENV.fetch('PORT', '').then { |text| text.empty? ? 3000 : Integer(text, 10) }
  app = UploadServer.new
rescue ArgumentError => e
  abort e.message
end

%w[TERM INT].each { |signal| trap(signal) { handler.shutdown } }
begin
  handler.run(
    app,
    Host: '127.0.0.1',
    Port: port,
    AccessLog: [],
    Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN),
    RequestCallback: refuse_large,
    StartCallback: -> { $stdout.puts("ready: http://127.0.0.1:#{port}/").then { $stdout.flush } }
  )
rescue SystemCallError => e # the port is taken
  abort e.message
end
