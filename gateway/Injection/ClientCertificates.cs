using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using JitGrains.Policy;

namespace JitGrains.Gateway.Injection;

/// <summary>The certificates that connections to upstreams are made with; a change of their files is taken on by new connections. Thread-safe.</summary>
internal sealed class ClientCertificates(SecretReader secrets, TimeProvider time, ILogger<ClientCertificates> logger)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<CertificateCredential, Kept<X509Certificate2>> known = new();

    /// <summary>The certificate of a credential.</summary>
    public Kept<X509Certificate2> Of(CertificateCredential credential) => known.GetOrAdd(credential, Keep);

    private Kept<X509Certificate2> Keep(CertificateCredential credential)
    {
        (SecretText Certificate, SecretText Key)? last = null;
        X509Certificate2? made = null;
        return new Kept<X509Certificate2>($"The client certificate {credential.Certificate}", Fetch, time, logger);

        // By one at a time.
        async Task<Fetched<X509Certificate2>> Fetch()
        {
            if (await secrets.Read(credential.Certificate) is not { Text: var certificate } || await secrets.Read(credential.Key) is not { Text: var key })
                return Fetched<X509Certificate2>.Failed("it cannot be read");
            if (made is null || last != (certificate, key))
            {
                try
                {
                    made = X509Certificate2.CreateFromPem(certificate.Reveal(), key.Reveal());
                    last = (certificate, key);
                }
                catch (Exception e) when (e is CryptographicException or ArgumentException)
                {
                    // While the two are replaced they may not fit each other: what was made before is good for as long as it is.
                    return Fetched<X509Certificate2>.Failed("certificate and key are no PEM, or do not belong together");
                }
            }

            return new Fetched<X509Certificate2>(made, Fresh, Fresh + Fresh);
        }
    }
}
