using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Policy;

namespace JitGrains.Gateway.Injection;

/// <summary>The certificates that connections to upstreams are made with, each with the intermediates that stand behind it in its file; a change of their files is taken on by new connections. Thread-safe.</summary>
internal sealed class ClientCertificates(SecretReader secrets, TimeProvider time, ILogger<ClientCertificates> logger)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<CertificateCredential, Kept<SslStreamCertificateContext>> known = new();

    /// <summary>The certificate of a credential.</summary>
    public Kept<SslStreamCertificateContext> Of(CertificateCredential credential) => known.GetOrAdd(credential, Keep);

    private Kept<SslStreamCertificateContext> Keep(CertificateCredential credential)
    {
        (SecretText Certificate, SecretText Key)? last = null;
        SslStreamCertificateContext? made = null;
        return new Kept<SslStreamCertificateContext>($"The client certificate {credential.Certificate}", Fetch, time, logger);

        // By one at a time.
        async Task<Fetched<SslStreamCertificateContext>> Fetch()
        {
            if (await secrets.Read(credential.Certificate) is not { Text: var certificate } || await secrets.Read(credential.Key) is not { Text: var key })
                return Fetched<SslStreamCertificateContext>.Failed("it cannot be read");
            if (made is null || last != (certificate, key))
            {
                try
                {
                    made = Read(certificate.Reveal(), key.Reveal());
                    last = (certificate, key);
                }
                catch (Exception e) when (e is CryptographicException or ArgumentException)
                {
                    // While the two are replaced they may not fit each other: what was made before is good for as long as it is.
                    return Fetched<SslStreamCertificateContext>.Failed("certificate and key are no PEM, or do not belong together");
                }
            }

            return new Fetched<SslStreamCertificateContext>(made, Fresh, Fresh + Fresh);
        }
    }

    private static SslStreamCertificateContext Read(string certificate, string key)
    {
        var all = new X509Certificate2Collection();
        all.ImportFromPem(certificate);
        var own = X509Certificate2.CreateFromPem(certificate, key);
        // The first is this one, without its key.
        all.RemoveAt(0);
        // Offline: what is sent must not depend on what a certificate says where to ask.
        return SslStreamCertificateContext.Create(own, all, offline: true);
    }
}
