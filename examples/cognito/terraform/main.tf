# The resources that provision.sh makes, for Terraform or OpenTofu.
#
#   terraform init && terraform apply
#   terraform output -raw client_secret > profiles-api.secret
#
# The client's secret is in the state file, as every attribute is: keep the state in an encrypted backend.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "name" {
  description = "Name of the pool and of its app client"
  type        = string
  default     = "profiles-api"
}

variable "domain_prefix" {
  description = "Unique in the region, without aws, amazon and cognito; made of name and account if null"
  type        = string
  default     = null
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

# The issuer. Its users are services, so nobody signs up.
resource "aws_cognito_user_pool" "pool" {
  name = var.name

  admin_create_user_config {
    allow_admin_create_user_only = true
  }
}

# The API, and what may be done with it. In a token its scopes read profiles/get and profiles/post.
resource "aws_cognito_resource_server" "profiles" {
  user_pool_id = aws_cognito_user_pool.pool.id
  identifier   = "profiles"
  name         = "profiles"

  scope {
    scope_name        = "get"
    scope_description = "read"
  }

  scope {
    scope_name        = "post"
    scope_description = "write"
  }
}

# Who calls. One client per calling service, with the scopes that it needs and no others.
resource "aws_cognito_user_pool_client" "caller" {
  user_pool_id                         = aws_cognito_user_pool.pool.id
  name                                 = var.name
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["client_credentials"]

  # Read from the resource server, so that the scopes exist before the client does.
  allowed_oauth_scopes = aws_cognito_resource_server.profiles.scope_identifiers
}

# Where tokens are issued.
resource "aws_cognito_user_pool_domain" "domain" {
  user_pool_id = aws_cognito_user_pool.pool.id
  domain       = coalesce(var.domain_prefix, "${var.name}-${data.aws_caller_identity.current.account_id}")
}

locals {
  region = split("_", aws_cognito_user_pool.pool.id)[0]
  # Where the form of the token URL is known. Another partition is an error instead of a wrong URL.
  domain_label = {
    aws        = "auth"
    aws-us-gov = "auth-fips"
  }[data.aws_partition.current.partition]
}

output "pool_id" {
  value = aws_cognito_user_pool.pool.id
}

output "issuer" {
  value = "https://${aws_cognito_user_pool.pool.endpoint}"
}

output "jwks_url" {
  value = "https://${aws_cognito_user_pool.pool.endpoint}/.well-known/jwks.json"
}

output "token_url" {
  value = "https://${aws_cognito_user_pool_domain.domain.domain}.${local.domain_label}.${local.region}.amazoncognito.com/oauth2/token"
}

output "client_id" {
  value = aws_cognito_user_pool_client.caller.id
}

output "client_secret" {
  value     = aws_cognito_user_pool_client.caller.client_secret
  sensitive = true
}
