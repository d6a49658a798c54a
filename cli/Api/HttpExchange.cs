using System.Text.Json;

namespace JitGrains.Cli.Api;

/// <summary>One HTTP exchange, told as an <see cref="ApiAnswer"/>.</summary>
internal static class HttpExchange
{
    private const int LargestAnswer = 64 * 1024 * 1024;

    /// <summary>
    /// A client that goes where it was told and nowhere else: no proxy from the environment and no redirects, either of
    /// which would carry the caller's token to another party.
    /// </summary>
    public static HttpClient CreateClient(TimeSpan timeout)
    {
        var client = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(10),
        })
        {
            Timeout = timeout,
            MaxResponseContentBufferSize = LargestAnswer,
        };
        client.DefaultRequestHeaders.TryAddWithoutValidation("Accept", "application/json, application/problem+json");
        client.DefaultRequestHeaders.TryAddWithoutValidation("User-Agent", "jit");
        return client;
    }

    public static async Task<ApiAnswer> SendAsync(HttpClient http, HttpRequestMessage request, string serverName, CancellationToken ct)
    {
        var address = request.RequestUri!.GetLeftPart(UriPartial.Authority);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, ct);
            var bytes = await response.Content.ReadAsByteArrayAsync(ct);
            return Read(response, bytes, serverName, address);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new ApiAnswer.Unreachable($"the {serverName} at {address} did not answer in {Durations.Format(http.Timeout)}");
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            return new ApiAnswer.Unreadable($"the {serverName} at {address} answered with more than {LargestAnswer / (1024 * 1024)} MiB");
        }
        catch (HttpRequestException e)
        {
            return new ApiAnswer.Unreachable($"the {serverName} at {address} cannot be reached ({Because(e)})");
        }
    }

    private static ApiAnswer Read(HttpResponseMessage response, byte[] bytes, string serverName, string address)
    {
        var status = (int)response.StatusCode;
        var mediaType = response.Content.Headers.ContentType?.MediaType ?? "";
        var isJson = mediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || mediaType.EndsWith("+json", StringComparison.OrdinalIgnoreCase);
        JsonElement body = default;
        if (bytes.Length > 0)
        {
            if (!isJson || !TryParse(bytes, out body))
                return new ApiAnswer.Unreadable($"{address} answered {status} with something that is not JSON: is this the {serverName}?");
        }

        if (response.IsSuccessStatusCode)
            return new ApiAnswer.Ok(body);
        var retryAfter = response.Headers.TryGetValues("Retry-After", out var values) ? values.FirstOrDefault() : null;
        return new ApiAnswer.Refused(Problem.Read(body, status, retryAfter), body);
    }

    private static bool TryParse(byte[] bytes, out JsonElement body)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 64 });
            body = document.RootElement.Clone();
            return true;
        }
        catch (JsonException)
        {
            body = default;
            return false;
        }
    }

    private static string Because(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.ConnectionError when e.InnerException is System.Net.Sockets.SocketException s => s.SocketErrorCode.ToString(),
        HttpRequestError.Unknown => "the exchange broke off",
        var error => error.ToString(),
    };
}
