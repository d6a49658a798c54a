using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace JitGrains.Silo.Identity;

/// <summary>What one issuer publishes: its discovery document and its keys, by their addresses. Thread-safe.</summary>
internal interface IIssuerDocuments : IDisposable
{
    /// <summary>The document at an address; throws where it cannot be had.</summary>
    Task<string> ReadAsync(string address);
}

/// <summary>How one issuer is asked: no redirects, no cookies, at most 1 MiB within 5 s, by the certificate authorities and with the token that its options name. Thread-safe.</summary>
internal sealed class IssuerHttp : IIssuerDocuments
{
    private readonly HttpClient http;
    private readonly string? bearerFile;

    public IssuerHttp(IssuerOptions issuer)
    {
        bearerFile = issuer.BearerFile;
        http = Create(issuer);
    }

    /// <summary>A connection to the issuer, without its token.</summary>
    public static HttpClient Create(IssuerOptions issuer)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2) };
        if (issuer.CaFile is not null)
        {
            var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            policy.CustomTrustStore.ImportFromPemFile(issuer.CaFile);
            handler.SslOptions = new SslClientAuthenticationOptions { CertificateChainPolicy = policy };
        }

        return new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(5), MaxResponseContentBufferSize = 1024 * 1024 };
    }

    /// <summary>The document at an address.</summary>
    /// <exception cref="HttpRequestException">It cannot be had, or the answer is no success.</exception>
    /// <exception cref="TaskCanceledException">It takes too long.</exception>
    /// <exception cref="IOException">The token's file cannot be read.</exception>
    public async Task<string> ReadAsync(string address)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (bearerFile is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(bearerFile)).Trim());
        using var response = await http.SendAsync(request);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync();
    }

    public void Dispose() => http.Dispose();
}
